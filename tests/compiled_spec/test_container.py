"""What the container's entry point adds to what a step is called with."""

import json

from tfx_pipeline.container import with_types

INPUTS = json.dumps({"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model"}}}})


def types(given: dict[str, str]) -> dict[str, str]:
    call = {"inputs": {"artifacts": {"model": {"artifacts": [{"uri": "gs://shop/model", **given}]}}}}
    (artifact,) = json.loads(with_types(json.dumps(call), INPUTS))["inputs"]["artifacts"]["model"]["artifacts"]
    assert artifact["uri"] == "gs://shop/model"
    return artifact["type"]


def test_an_input_without_a_type_gets_the_declared_one() -> None:
    assert types({}) == {"instanceSchema": "title: tfx.Model"}


def test_a_type_that_is_there_stays() -> None:
    assert types({"type": {"schemaTitle": "tfx.Other"}}) == {"schemaTitle": "tfx.Other"}


def test_an_input_that_a_resolver_did_not_find_stays_empty() -> None:
    call = {"inputs": {"artifacts": {"model": {}}}}
    assert json.loads(with_types(json.dumps(call), INPUTS))["inputs"]["artifacts"] == {"model": {}}

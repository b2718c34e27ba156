"""The serving check as a step: its blessing, and what Pusher makes of it."""

import json
from pathlib import Path

import pytest
from tfx.components.pusher.executor import Executor as Pusher
from tfx.types import Channel, standard_artifacts

import serving
from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.config_pipeline_steps import ServingCheckConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.servable import ServingVerdict
from tests.serving.exported import save_export
from tests.tfx_pipeline.artifacts import write_examples
from tfx_pipeline.components.infra_validation import infra_validation
from tfx_pipeline.components.serving_check.component import ServingCheck
from tfx_pipeline.components.serving_check.executor import SERVER_LOG, VERDICT, Executor
from tfx_pipeline.exports import exports_of

HISTORIES = {"u1": ["item-1", "item-2"], "u2": ["item-9"], "u3": ["item-4"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Model:
    root = tmp_path_factory.mktemp("model")
    save_export(root)
    (root / "versions" / "1").rename(root / "Format-Serving")
    model = standard_artifacts.Model()
    model.uri = str(root)
    return model


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Examples:
    return write_examples(tmp_path_factory.mktemp("examples"), {"test": HISTORIES})


def _check(
    model: standard_artifacts.Model, examples: standard_artifacts.Examples, root: Path, **limits: float
) -> standard_artifacts.InfraBlessing:
    config = parse_config({"name": "shop", "steps": {"serving_check": {"histories": 2, "seconds": 0.3, **limits}}})
    step = ServingCheck(Channel(standard_artifacts.Model), Channel(standard_artifacts.Examples), config, "code")
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(root / "blessing")
    Path(blessing.uri).mkdir()
    Executor().Do({"model": [model], "examples": [examples]}, {"blessing": [blessing]}, dict(step.exec_properties))
    return blessing


def test_a_model_that_serves_is_blessed_as_pusher_wants_it(
    model: standard_artifacts.Model, examples: standard_artifacts.Examples, tmp_path: Path
) -> None:
    blessing = _check(model, examples, tmp_path)
    assert Pusher().CheckBlessing({"infra_blessing": [blessing]})
    verdict = ServingVerdict.model_validate_json(Path(blessing.uri, VERDICT).read_text())
    assert list(verdict.findings) == ["shop"] and verdict.findings["shop"].answers == 2 + 2, "warm-up requests count"
    assert "Serving version 1 of shop" in Path(blessing.uri, SERVER_LOG).read_text()


def test_a_model_that_is_too_large_is_not_blessed_and_the_reason_is_kept(
    model: standard_artifacts.Model, examples: standard_artifacts.Examples, tmp_path: Path
) -> None:
    blessing = _check(model, examples, tmp_path, max_megabytes=0.001)
    assert not Pusher().CheckBlessing({"infra_blessing": [blessing]})
    findings = json.loads(Path(blessing.uri, VERDICT).read_text())["findings"]
    assert "max_megabytes is 0.001" in findings["shop"]["reasons"][0]


def test_a_check_that_comes_to_no_verdict_is_an_error(
    model: standard_artifacts.Model, examples: standard_artifacts.Examples, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tfx_pipeline.components.serving_check.executor.MODULE", "serving.absent")
    with pytest.raises(DimeRecError, match="came to no verdict"):
        _check(model, examples, tmp_path)


def test_every_export_of_a_model_is_found(tmp_path: Path) -> None:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    for name in ("Format-Serving", "Format-Serving-scann"):
        (tmp_path / name).mkdir()
    assert exports_of([model]) == {
        "": f"{tmp_path}/Format-Serving",
        "_scann": f"{tmp_path}/Format-Serving-scann",
    }


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ({}, "ServingCheck"),
        ({"infra_validation": "infra_validator"}, "InfraValidator"),
        ({"infra_validation": "none"}, None),
    ],
)
def test_the_configuration_says_what_serves_a_model_before_a_push(steps: dict[str, str], kind: str | None) -> None:
    channels = Channel(standard_artifacts.Model), Channel(standard_artifacts.Examples)
    step = infra_validation(parse_config({"steps": steps}), *channels, "code")
    assert (step.id if step else None) == kind


def test_another_server_is_another_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    channels = Channel(standard_artifacts.Model), Channel(standard_artifacts.Examples)

    def version() -> object:
        return ServingCheck(*channels, parse_config({}), "code").exec_properties["code_version"]

    before = version()
    assert version() == before
    monkeypatch.setattr(serving, "__path__", [str(tmp_path)])
    assert version() != before


def test_infra_validator_asks_the_signature_that_takes_examples() -> None:
    steps = {"infra_validation": "infra_validator", "infra_validator": {"platform": "kubernetes", "tag": "2.19.0"}}
    channels = Channel(standard_artifacts.Model), Channel(standard_artifacts.Examples)
    step = infra_validation(parse_config({"name": "shop", "steps": steps}), *channels, "code")
    assert step is not None
    serving, requests = (json.loads(step.exec_properties[name]) for name in ("serving_spec", "request_spec"))
    assert serving["kubernetes"] == {} and serving["tensorflow_serving"]["tags"] == ["2.19.0"]
    assert requests["tensorflow_serving"]["signature_names"] == ["serve_examples"]
    assert requests["split_name"] == "test"


def test_limits_are_positive_and_change_no_fingerprint() -> None:
    with pytest.raises(ConfigError, match="max_p99_ms"):
        parse_config({"steps": {"serving_check": {"max_p99_ms": 0}}})
    assert parse_config({"steps": {"serving_check": {"seconds": 9}}}).fingerprint() == parse_config({}).fingerprint()
    assert ServingCheckConfig().max_megabytes is None

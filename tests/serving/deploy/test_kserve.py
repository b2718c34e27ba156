"""KServe's InferenceService, against the keys that KServe's own package lists and the schemas of Kubernetes.

The package `kserve` needs other versions of pandas and protobuf than this project: `kserve_v1beta1.json` has what its
models say of keys and types. They leave open what is Kubernetes': a predictor is a pod, and a model its container, each
with some keys more.
"""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.serving.deploy.files import DEPLOY, documents

SCHEMA = json.loads(Path(__file__).with_name("kserve_v1beta1.json").read_text())
OF_PREDICTORS = {"model", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "containerConcurrency", "timeout"}
OF_MODELS = {"modelFormat", "runtime", "runtimeVersion", "protocolVersion", "storageUri"}
FILES = sorted((DEPLOY / "kserve").glob("*.yaml"))


def validate(service: dict[str, Any]) -> None:
    """Raises ValidationError for a service that KServe or Kubernetes would refuse."""
    jsonschema.validate(service, SCHEMA)
    predictor = service["spec"]["predictor"]
    spec, model = (
        {key: value for key, value in part.items() if key not in own}
        for part, own in ((predictor, OF_PREDICTORS), (predictor.get("model", {}), OF_MODELS))
    )
    pod = {"containers": [{"name": "kserve-container", **model}], **spec}
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": pod}, "1.34", strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_services_are_valid(path: Path) -> None:
    (service,) = documents(path)
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    validate(service)


@pytest.mark.parametrize(
    ("path", "key"),
    [(("spec",), "predictors"), (("spec", "predictor"), "minReplica"), (("spec", "predictor", "model"), "storageURI")],
)
def test_an_unknown_key_would_be_found(path: tuple[str, ...], key: str) -> None:
    (service,) = copy.deepcopy(documents(DEPLOY / "kserve" / "tf_serving.yaml"))
    place = service
    for part in path:
        place = place[part]
    place[key] = "x"
    with pytest.raises(jsonschema.ValidationError, match=key):
        validate(service)


@pytest.mark.parametrize(("key", "value"), [("minReplicas", "two"), ("model", {"modelFormat": "tensorflow"})])
def test_a_value_of_another_type_would_be_found(key: str, value: object) -> None:
    (service,) = copy.deepcopy(documents(DEPLOY / "kserve" / "tf_serving.yaml"))
    service["spec"]["predictor"][key] = value
    with pytest.raises(jsonschema.ValidationError, match="is not of type"):
        validate(service)


def test_the_tensorflow_runtime_is_of_the_images_version() -> None:
    (service,) = documents(DEPLOY / "kserve" / "tf_serving.yaml")
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == "tensorflow"
    image = f"FROM tensorflow/serving:{model['runtimeVersion']}\n"
    assert image in (DEPLOY / "tf_serving" / "Dockerfile").read_text()


def test_the_custom_container_has_kserves_name_and_one_port() -> None:
    (service,) = documents(DEPLOY / "kserve" / "embedded.yaml")
    (container,) = service["spec"]["predictor"]["containers"]
    assert container["name"] == "kserve-container"
    (port,) = container["ports"]
    assert f"--rest-api-port={port['containerPort']}" in container["args"]

"""KServe's InferenceService.

KServe's own definitions come with the package `kserve`, which needs other versions of pandas and protobuf than this
project. The schema below states the part of v1beta1 that its documentation describes and these files may use: all
other keys of a predictor are a pod's and all other keys of a model a container's, and go by Kubernetes' schemas.
"""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.serving.deploy.files import DEPLOY, documents

COUNT = {"type": "integer", "minimum": 0}
PREDICTOR = {
    "minReplicas": COUNT,
    "maxReplicas": COUNT,
    "scaleTarget": COUNT,
    "scaleMetric": {"enum": ["concurrency", "rps", "cpu", "memory"]},
    "containerConcurrency": COUNT,
    "timeout": COUNT,
    "canaryTrafficPercent": {"type": "integer", "minimum": 0, "maximum": 100},
    "model": {"type": "object", "required": ["modelFormat"]},
}
MODEL = {
    "modelFormat": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    "runtime": {"type": "string"},
    "runtimeVersion": {"type": "string"},
    "protocolVersion": {"enum": ["v1", "v2", "grpc-v1", "grpc-v2"]},
    "storageUri": {"type": "string", "pattern": "^(pvc|gs|s3|https?|hdfs|oci|file)://"},
}
SERVICE = {
    "type": "object",
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "properties": {"predictor": {"type": "object", "properties": PREDICTOR}},
            "required": ["predictor"],
            "additionalProperties": False,
        },
    },
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
}
FILES = sorted((DEPLOY / "kserve").glob("*.yaml"))


def validate(service: dict[str, Any]) -> None:
    """Raises ValidationError for a service that KServe or Kubernetes would refuse."""
    jsonschema.validate(service, SERVICE)
    predictor = service["spec"]["predictor"]
    model = predictor.get("model", {})
    jsonschema.validate({key: value for key, value in model.items() if key in MODEL}, {"properties": MODEL})
    spec = {key: value for key, value in predictor.items() if key not in PREDICTOR}
    container = {"name": "kserve-container", **{key: value for key, value in model.items() if key not in MODEL}}
    pod = {"containers": [container], **spec}
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": pod}, "1.34", strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_services_are_valid(path: Path) -> None:
    (service,) = documents(path)
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

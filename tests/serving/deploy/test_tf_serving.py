"""TF Serving's configuration files mean what the deployment needs, and every command line points at them."""

import json
import re

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.server.proto.batching_parameters_pb2 import BatchingParameters
from serving.server.proto.monitoring_config_pb2 import MonitoringConfig
from tests.serving.deploy.files import DEPLOY, flags, kubernetes_objects

CONFIG = DEPLOY / "config"


def test_a_version_goes_live_only_by_a_rollout() -> None:
    config = text_format.Parse((CONFIG / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("dimerec", "/models/dimerec", "tensorflow")
    served = set(model.model_version_policy.specific.versions)
    assert dict(model.version_labels).keys() == {"stable", "canary"}
    assert set(model.version_labels.values()) <= served


def test_batches_fit_a_bounded_queue_and_are_not_padded_by_the_server() -> None:
    batching = text_format.Parse((CONFIG / "batching.config").read_text(), BatchingParameters())
    assert not batching.pad_variable_length_inputs
    for field in ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"):
        assert getattr(batching, field).value > 0


def test_metrics_are_where_the_scrape_looks() -> None:
    monitoring = text_format.Parse((CONFIG / "monitoring.config").read_text(), MonitoringConfig()).prometheus_config
    pod = kubernetes_objects()["Deployment/dimerec"]["spec"]["template"]
    assert monitoring.enable
    assert monitoring.path == pod["metadata"]["annotations"]["prometheus.io/path"]


@pytest.mark.parametrize("name", ["models.config", "batching.config", "monitoring.config"])
def test_an_unknown_field_would_be_found(name: str) -> None:
    message = {
        "models.config": model_server_config_pb2.ModelServerConfig,
        "batching.config": BatchingParameters,
        "monitoring.config": MonitoringConfig,
    }[name]()
    with pytest.raises(text_format.ParseError):
        text_format.Parse((CONFIG / name).read_text() + "\nno_such_field: 1\n", message)


def test_the_image_and_the_pods_start_the_server_alike() -> None:
    dockerfile = (DEPLOY / "tf_serving" / "Dockerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", dockerfile.replace("\\\n", ""), re.MULTILINE)
    (server,) = kubernetes_objects()["Deployment/dimerec"]["spec"]["template"]["spec"]["containers"]
    assert json.loads(command) == server["args"]
    assert f"FROM {server['image']}\n" in dockerfile
    given = flags(server["args"])
    assert {name for name in given if name.endswith("_file")} == {
        "model_config_file",
        "batching_parameters_file",
        "monitoring_config_file",
    }
    for name, path in given.items():
        if name.endswith("_file"):
            assert (CONFIG / path.removeprefix("/etc/serving/")).is_file(), path
    copied = re.search(r"^COPY (.*) /etc/serving/$", dockerfile, re.MULTILINE)
    assert copied and copied.group(1).split() == [f"config/{path}" for path in _in_image(given)]


def _in_image(given: dict[str, str]) -> list[str]:
    return [path.removeprefix("/etc/serving/") for name, path in given.items() if name.endswith("_file")]

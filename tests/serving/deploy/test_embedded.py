"""Every command line that starts the embedded server is one that `dimerec serve` takes, with the files beside it."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dimerec_tf.cli.serve import serve
from dimerec_tf.cli.tf_serving_form import TfServingForm
from dimerec_tf.environment import VertexContainer
from dimerec_tf.errors import DimeRecError
from serving.deploy.container import serve_arguments
from serving.server.model_config import ModelSettings
from serving.server.options import ServerOptions
from tests.serving.deploy.files import DEPLOY, documents

app = typer.Typer()
app.command(cls=TfServingForm)(serve)


def image() -> list[str]:
    dockerfile = (DEPLOY / "embedded" / "Dockerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", dockerfile.replace("\\\n", ""), re.MULTILINE)
    return json.loads(command)


def kubernetes() -> list[str]:
    (patch,) = documents(DEPLOY / "kubernetes" / "embedded" / "server.yaml")
    return patch["spec"]["template"]["spec"]["containers"][0]["args"]


def kserve() -> list[str]:
    (service,) = documents(DEPLOY / "kserve" / "embedded.yaml")
    return service["spec"]["predictor"]["containers"][0]["args"]


VERTEX = VertexContainer(8080, "/v1/models/dimerec:predict", "/v1/models/dimerec")
COMMANDS = {
    "image": serve_arguments(image(), None),
    "kubernetes": serve_arguments(kubernetes(), None),
    "kserve": serve_arguments(kserve(), None),
    "vertex": serve_arguments(image(), VERTEX),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_server_takes_its_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[dict[str, ModelSettings], str, ServerOptions]] = []

    def start(models: dict[str, ModelSettings], address: str, options: ServerOptions) -> None:
        started.append((models, address, options))
        raise DimeRecError("enough")

    monkeypatch.setattr("serving.server.app.start_server", start)
    _, *arguments = COMMANDS[name]
    result = CliRunner().invoke(
        app, [argument.replace("/etc/serving", str(DEPLOY / "config")) for argument in arguments]
    )
    assert str(result.exception) == "enough", result.output
    ((models, address, options),) = started
    assert {key: settings.base for key, settings in models.items()} == {"dimerec": Path("/models/dimerec")}
    assert address == "0.0.0.0:8500"
    assert options.rest_address == f"0.0.0.0:{8080 if name == 'vertex' else 8501}"
    assert options.metrics_path == "/monitoring/prometheus/metrics"
    assert (options.batching is not None) == (name == "kubernetes")

"""The commands for clusters: what they say, what they hand to the clients, what they refuse."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from rich.console import Console
from typer.testing import CliRunner, Result

from dimerec_tf.cli import cluster
from dimerec_tf.cli.main import app
from dimerec_tf.errors import DimeRecError
from tests.compiled_spec.conftest import cluster_config
from tfx_pipeline import kubeflow_runner


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(cluster_config("gs://shop/clicks/").to_yaml())
    return tmp_path / "config.yaml"


def dimerec(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["pipeline", *map(str, arguments)], env={"COLUMNS": "300"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_compile_writes_the_specification(config: Path, tmp_path: Path) -> None:
    dimerec("compile", "--target", "kubeflow", "--config", config, "--output", tmp_path / "out" / "pipeline.yaml")
    spec = yaml.safe_load((tmp_path / "out" / "pipeline.yaml").read_text())
    assert spec["schemaVersion"] == "2.1.0" and spec["defaultPipelineRoot"] == "gs://shop/pipelines"


class Client:
    """KFP's, as far as a submission goes."""

    submitted: dict[str, Any]

    def __init__(self, host: str, namespace: str) -> None:
        Client.submitted = {"host": host, "in": namespace}

    def create_run_from_pipeline_package(self, file: str, **options: Any) -> Any:
        Client.submitted |= {"spec": yaml.safe_load(Path(file).read_text()), **options}
        return type("Run", (), {"run_id": "run-17"})


def test_submit_gives_kubeflow_the_specification_and_the_values(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeflow_runner, "Client", Client)
    said = dimerec("submit", "--target", "kubeflow", "--config", config, "--train-steps", 500).output
    assert "Submitted as run-17." in said
    assert Client.submitted["host"] == "https://kubeflow.shop.example"
    assert Client.submitted["experiment_name"] == "dimerec"
    assert Client.submitted["pipeline_root"] == "gs://shop/pipelines"
    assert list(Client.submitted["arguments"]) == ["train_args"]
    assert '"num_steps": 500' in Client.submitted["arguments"]["train_args"]
    assert Client.submitted["spec"]["pipelineInfo"]["name"].startswith("dimerec-")


def test_submit_gives_vertex_a_job(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aiplatform.init(credentials=AnonymousCredentials())
    jobs = []
    monkeypatch.setattr(aiplatform.PipelineJob, "submit", lambda job, service_account: jobs.append(job))
    monkeypatch.setattr(aiplatform.PipelineJob, "resource_name", "projects/shop/pipelineJobs/1")
    location = "gs://shop/june"
    said = dimerec("submit", "--target", "vertex", "--config", config, "--data-location", location).output
    assert "Submitted as projects/shop/pipelineJobs/1." in said
    assert dict(jobs[0]._gca_resource.runtime_config.parameter_values) == {"data_location": location}


def test_a_dry_run_says_what_would_be_submitted_and_does_not(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeflow_runner, "Client", None)
    monkeypatch.setattr(cluster, "console", Console(width=300))
    arguments = ("--config", config, "--model-directory", "gs://shop/trial", "--dry-run")
    said = dimerec("submit", "--target", "kubeflow", *arguments).output
    assert "https://kubeflow.shop.example, experiment dimerec" in said
    assert "data_location gs://shop/clicks" in said and '"base_directory": "gs://shop/trial"' in said
    (trainer,) = (line for line in said.splitlines() if "Trainer-dimerec" in line)
    cells = [cell.strip() for cell in trainer.strip("│").split("│")]
    image = "europe-docker.pkg.dev/shop/images/dimerec:tag"
    assert cells == ["Trainer-dimerec", image, "8", "30 GB", "1 nvidia.com/gpu", "2", "yes"]
    assert "Nothing was submitted." in said
    said = dimerec("submit", "--target", "vertex", *arguments).output
    assert "project shop, europe-west4, as the default account" in said


@pytest.mark.parametrize(
    ("command", "target", "said"),
    [
        ("run", "vertex", "use `dimerec pipeline submit`"),
        ("compile", "local", "use `dimerec pipeline run` here"),
        ("submit", "local", "use `dimerec pipeline run` here"),
    ],
)
def test_each_command_says_which_one_is_for_a_target(config: Path, command: str, target: str, said: str) -> None:
    with pytest.raises(DimeRecError) as caught:
        dimerec(command, "--target", target, "--config", config)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("config_of", "said"),
    [
        (lambda: cluster_config("clicks.csv"), "data.path clicks.csv is on this machine"),
        (lambda: cluster_config("gs://shop/clicks/", {"kubeflow": None}), "no section cluster.kubeflow"),
        (lambda: cluster_config("gs://shop/clicks/").model_copy(update={"cluster": None}), "no section cluster:"),
    ],
)
def test_what_a_cluster_cannot_do_is_said_before_it_is_submitted(tmp_path: Path, config_of: Any, said: str) -> None:
    (tmp_path / "config.yaml").write_text(config_of().to_yaml())
    with pytest.raises(DimeRecError) as caught:
        dimerec("submit", "--target", "kubeflow", "--config", tmp_path / "config.yaml", "--dry-run")
    assert said in str(caught.value)

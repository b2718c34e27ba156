"""Steps of the compiled pipeline, run by their containers' own commands; the whole way is slow."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from kfp.pipeline_spec.pipeline_spec_pb2 import ExecutorInput, PipelineSpec, RuntimeArtifact

from dimerec_tf.cli.presets import load_preset_with_data
from dimerec_tf.config import with_values
from tests.compiled_spec.backend import Backend, Kubeflow, StepFailed, Vertex
from tests.compiled_spec.conftest import CLUSTER, COMPILE, cluster_config, on_this_machine
from tests.e2e.small_log import BAD_ROWS
from tfx_pipeline.cluster import runtime_values
from tfx_pipeline.examples import read_split

BACKENDS: dict[str, type[Backend]] = {"kubeflow": Kubeflow, "vertex": Vertex}


def backend(target: str, log: Path, root: Path, **sections: Any) -> Backend:
    spec = COMPILE[target](on_this_machine(cluster_config(log, **sections), root))
    return BACKENDS[target](spec, root / "runs")


def test_the_first_step_reads_the_log_that_it_is_told_at_the_start(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "june"
    elsewhere.mkdir()
    (elsewhere / "clicks.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(5)))
    ran = backend("vertex", log, tmp_path)
    ran.run(runtime_values(ran.spec, str(elsewhere), None, None), only=("SequenceExampleGen",))
    (examples,) = ran.outputs["SequenceExampleGen"]["examples"]
    assert list(read_split(examples.uri, "test")) == [("u", ["i0", "i1", "i2", "i3"], "i4")]
    assert "num_files:1," in MessageToDict(examples.metadata)["input_fingerprint"]


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="No module named no_such_step"):
        Backend(PipelineSpec(), tmp_path).start(["python", "-m", "no_such_step"], [], ExecutorInput())


def test_vertex_finds_the_last_model_that_was_blessed(tmp_path: Path) -> None:
    spec = COMPILE["vertex"](cluster_config("gs://shop/clicks/"))
    ran, resolvers = (
        Vertex(spec, tmp_path),
        [f"LastBlessedModel-{what}-resolver" for what in ("model-blessing", "model")],
    )
    ran.run(only=tuple(resolvers))
    assert ran.outputs[resolvers[1]] == {"model": []}, "there is none yet"
    for name, blessed in (("first", 1), ("second", 1), ("refused", 0)):
        ran.store += [
            artifact("tfx.Model", name=f"models/{name}"),
            artifact("tfx.ModelBlessing", metadata={"blessed": blessed, "current_model_id": f"models/{name}"}),
        ]
    ran.run(only=tuple(resolvers))
    (found,) = ran.outputs[resolvers[1]]["model"]
    assert found.name == "models/second"


def artifact(title: str, **values: Any) -> RuntimeArtifact:
    return ParseDict({"type": {"instanceSchema": f"title: {title}\n"}, **values}, RuntimeArtifact())


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_a_log_becomes_a_pushed_model_that_the_next_one_is_compared_with(
    log: Path, tmp_path: Path, target: str
) -> None:
    ran = backend(target, log, tmp_path, model={"item_start": "random"})
    ran.run()
    summary = json.loads((tmp_path / "bucket" / "rejected_rows" / "dimerec" / "summary.json").read_text())
    assert sum(summary["rejected"].values()) == len(BAD_ROWS)
    pushed = MessageToDict(ran.outputs["Pusher"]["pushed_model"][0].metadata)
    assert pushed["pushed"] == 1 and pushed["pushed_version"] == "1"
    for export in ("dimerec", "dimerec_ivf", "dimerec_scann"):
        assert (tmp_path / "models" / export / "1" / "saved_model.pb").exists()

    resolvers = [name for name in ran.outputs if name.startswith("Last")]
    ran.run(
        runtime_values(ran.spec, None, 1, None), only=(*resolvers, "Trainer-dimerec", "Evaluator-dimerec", "Pusher")
    )
    pushed = MessageToDict(ran.outputs["Pusher"]["pushed_model"][0].metadata)
    assert pushed["pushed"] == 0, "one epoch of training against twenty-five"
    compared = MessageToDict(ran.outputs["Evaluator-dimerec"]["blessing"][0].metadata)
    assert compared["blessed"] == 0 and compared["baseline_model_id"]
    assert [version.name for version in (tmp_path / "models" / "dimerec").iterdir()] == ["1"]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_demos_log_becomes_a_pushed_model(tmp_path: Path) -> None:
    config = with_values(load_preset_with_data("ml-100k", None, None), {"cluster": CLUSTER})
    ran = Kubeflow(COMPILE["kubeflow"](on_this_machine(config, tmp_path)), tmp_path / "runs")
    ran.run()
    pushed = MessageToDict(ran.outputs["Pusher"]["pushed_model"][0].metadata)
    assert pushed["pushed"] == 1 and pushed["pushed_version"] == "1"
    assert len(list(read_split(ran.outputs["SequenceExampleGen"]["examples"][0].uri, "test"))) == 943

"""Steps of the compiled pipeline, run by their containers' own commands; the whole way is slow."""

import json
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from tests.compiled_spec.backend import Backend, Kubeflow, StepFailed, Vertex
from tests.compiled_spec.conftest import COMPILE, cluster_config, on_this_machine
from tests.e2e.small_log import BAD_ROWS
from tfx_pipeline.cluster import runtime_values
from tfx_pipeline.examples import read_split

BACKENDS: dict[str, type[Backend]] = {"kubeflow": Kubeflow, "vertex": Vertex}
DATA_STEPS = ("SequenceExampleGen", "ReviewedSchema", "StatisticsGen")


def backend(target: str, log: Path, root: Path) -> Backend:
    spec = COMPILE[target](on_this_machine(cluster_config(log), root))
    return BACKENDS[target](spec, root / "runs")


def uri(ran: Backend, task: str, key: str) -> Path:
    return Path(ran.outputs[task][key][0].uri)


def test_the_first_step_reads_the_log_that_it_is_told_at_the_start(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "june"
    elsewhere.mkdir()
    (elsewhere / "clicks.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(5)))
    ran = backend("vertex", log, tmp_path)
    ran.run(runtime_values(ran.spec, str(elsewhere), None, None), only=("SequenceExampleGen",))
    (examples,) = ran.outputs["SequenceExampleGen"]["examples"]
    assert list(read_split(examples.uri, "test")) == [("u", ["i0", "i1", "i2", "i3"], "i4")]
    assert "clicks.csv" not in MessageToDict(examples.metadata) and "input_fingerprint" in MessageToDict(
        examples.metadata
    )


def test_a_step_that_needs_others_gets_their_outputs_without_types_on_kubeflow(log: Path, tmp_path: Path) -> None:
    ran = backend("kubeflow", log, tmp_path)
    ran.run(only=DATA_STEPS)
    summary = json.loads((tmp_path / "bucket" / "rejected_rows" / "dimerec" / "summary.json").read_text())
    assert sum(summary["rejected"].values()) == len(BAD_ROWS)
    assert (uri(ran, "StatisticsGen", "statistics") / "Split-train" / "FeatureStats.pb").exists()


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "clicks.csv").write_text("user_id,item_id,timestamp\nu,,1\n")
    with pytest.raises(StepFailed, match="1 missing item id"):
        backend("kubeflow", tmp_path / "log", tmp_path).run(only=("SequenceExampleGen",))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_a_log_becomes_a_pushed_model_that_the_next_one_is_compared_with(
    log: Path, tmp_path: Path, target: str
) -> None:
    ran = backend(target, log, tmp_path)
    ran.run()
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

"""What the serving check has against exports, asked of a real server process."""

import shutil
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from dimerec_tf.config import parse_config
from dimerec_tf.config_pipeline_steps import ServingCheckConfig
from dimerec_tf.export.save import save_indexed
from dimerec_tf.export.servable import MODULE, ServingTask, ServingVerdict
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from serving.check.answers import Judge, warmup_requests
from serving.check.check import check_exports
from serving.loadtest.requests import predict_requests
from serving.oracle import Oracle
from tests.serving.exported import NUM_ITEMS

HISTORIES = [["item-1", "item-2"], ["item-7"], [], ["unheard-of"]]


@pytest.fixture(scope="module")
def exact(export_base: Path) -> Path:
    return export_base / "1"


def _task(exports: dict[str, Path], log: Path, **limits: float) -> ServingTask:
    return ServingTask(
        exports={name: str(export) for name, export in exports.items()},
        histories=HISTORIES,
        k=10,
        limits=ServingCheckConfig(seconds=0.5, **limits),
        log=str(log),
    )


def test_a_good_model_and_its_indexes_pass_in_a_process_of_their_own(exact: Path, tmp_path: Path) -> None:
    vocabulary = tmp_path / "items.txt"
    vocabulary.write_text("".join(f"item-{row}\n" for row in range(1, NUM_ITEMS + 1)))
    config = parse_config({"model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}}})
    scorer = ModelScorer(DimeRec(config.model, np.ones(NUM_ITEMS + 1, np.int64), seed=1))
    save_indexed("scann", scorer, np.array([[1, 2], [3, 4]]), vocabulary, config, tmp_path / "scann")
    task = _task({"shop": exact, "shop_scann": tmp_path / "scann"}, tmp_path / "server.log")
    (tmp_path / "task.json").write_text(task.model_dump_json())
    command = [sys.executable, "-m", MODULE, str(tmp_path / "task.json"), str(tmp_path / "verdict.json")]
    assert run(command, check=False).returncode == 0
    verdict = ServingVerdict.model_validate_json((tmp_path / "verdict.json").read_text())
    assert verdict.reasons == []
    for name, finding in verdict.findings.items():
        assert finding.answers == len(HISTORIES) + len(warmup_requests(exact, name))
        assert 0 < finding.p50_ms <= finding.p99_ms
    assert verdict.findings["shop"].megabytes == pytest.approx(
        sum(file.stat().st_size for file in exact.rglob("*") if file.is_file()) / 1e6
    )


def test_a_large_and_slow_model_is_refused_with_what_was_measured(exact: Path, tmp_path: Path) -> None:
    limits = {"max_p99_ms": 0.01, "max_megabytes": 0.001}
    task = _task({"shop": exact}, tmp_path / "server.log", **limits)
    size, speed = check_exports(task).reasons
    assert size.startswith("shop: It has ") and size.endswith("steps.serving_check.max_megabytes is 0.001.")
    assert speed.startswith("shop: The p99 of its calls is ") and speed.endswith("max_p99_ms is 0.01.")


def test_a_model_that_the_server_does_not_load_is_refused_and_the_log_says_why(exact: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(exact, broken)
    (broken / "variables" / "variables.index").unlink()
    verdict = check_exports(_task({"shop": broken}, tmp_path / "server.log"))
    assert verdict.reasons == [f"shop: The server serves no version of shop; see {tmp_path / 'server.log'}."]
    assert "variables" in (tmp_path / "server.log").read_text()


@pytest.fixture(scope="module")
def judge(exact: Path) -> Judge:
    return Judge(exact)


@pytest.fixture(scope="module")
def answered(exact: Path) -> tuple[predict_pb2.PredictRequest, dict[str, np.ndarray]]:
    (serialised,) = predict_requests("shop", [["item-1", "item-2"]], k=3)
    request = predict_pb2.PredictRequest.FromString(serialised)
    return request, Oracle(exact).answer(request)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (lambda ids: ids, None),
        (lambda ids: ids[::-1], "differ from the SavedModel's"),
        (lambda ids: [*ids[:-1], b""], "have fewer items than asked for"),
        (lambda ids: [*ids[:-1], ids[0]], "have an item twice"),
        (lambda ids: [*ids[:-1], b"who?"], "have an id that is not in the catalogue"),
        (lambda ids: [*ids[:-1], b"item-2"], "have an item of the history, which was to be left out"),
    ],
)
def test_each_fault_of_an_answer_is_named(judge: Judge, answered, changed, fault: str | None) -> None:
    request, right = answered
    response = predict_pb2.PredictResponse()
    for name, value in {**right, "item_ids": [changed(right["item_ids"][0].tolist())]}.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    assert judge.faults(request, response) == ({fault, "differ from the SavedModel's"} if fault else set())


def test_a_request_that_is_refused_is_an_answer_that_did_not_come(exact: Path, tmp_path: Path) -> None:
    task = _task({"shop": exact}, tmp_path / "server.log").model_copy(update={"k": 10_000})
    (refused, failed) = check_exports(task).reasons[:2]
    assert refused.startswith(f"shop: {len(HISTORIES)} of 6 answers did not come: INVALID_ARGUMENT, ")
    assert failed.endswith("calls under load failed with INVALID_ARGUMENT.")

"""The whole TFX pipeline on a small log: run, run again, refuse, serve."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from ml_metadata import MetadataStore
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from dimerec_tf.cli import main
from dimerec_tf.cli.pipeline import NotBlessed, print_outcome, require_blessing
from dimerec_tf.config_warm_start import WarmStartConfig
from dimerec_tf.data.splits import load_splits
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.errors import VERDICT_IS_NO
from dimerec_tf.evaluation.benchmark import Benchmark
from dimerec_tf.export.save import RECORD
from dimerec_tf.export.servable import ServingVerdict
from dimerec_tf.metrics.lists import summarise_lists
from dimerec_tf.metrics.ranking import summarise
from serving.client.client import RecommendClient
from serving.client.recommender import Recommender
from serving.client.rest import RestRecommendClient
from serving.server.app import start_server
from serving.server.batching_options import BatchingOptions
from serving.server.options import ServerOptions
from tests.e2e.small_log import BAD_ROWS, NUM_ITEMS, NUM_USERS, Run, hostile_item, hostile_user, small_config
from tests.export.served import Served, example
from tfx_pipeline.components.serving_check.executor import VERDICT
from tfx_pipeline.examples import read_split
from tfx_pipeline.names import pipeline_name
from tfx_pipeline.outcome import Outcome
from tfx_pipeline.pipeline import last_blessed_model

EXPORTS = ("dimerec", "dimerec_ivf", "dimerec_scann")
ALWAYS_RUN = {"LastBlessedModel", "Evaluator.dimerec", "Pusher", "BatchRecommender"}


def test_a_good_model_is_blessed_and_pushed_beside_its_floors(first: Run) -> None:
    outcome = first.outcome
    assert outcome.blessed and outcome.pushed_version == 1
    assert list(outcome.metrics) == ["popularity", "sequential_rules", "dimerec"]
    assert outcome.metrics["sequential_rules"]["HR@10"] == 1.0, "the ring is what the rules count"
    assert outcome.metrics["dimerec"]["HR@10"] > outcome.metrics["popularity"]["HR@10"]
    for export in EXPORTS:
        assert (first.workdir / "serving" / export / "1" / "saved_model.pb").exists()
    print_outcome(first.config, outcome)


def test_the_model_was_served_before_it_was_pushed(first: Run) -> None:
    (verdict,) = (first.workdir / "artifacts" / "ServingCheck").rglob(VERDICT)
    checked = ServingVerdict.model_validate_json(verdict.read_text())
    assert list(checked.findings) == list(EXPORTS) and not checked.reasons
    assert all(finding.answers == NUM_USERS + 2 for finding in checked.findings.values()), "two are warm-up requests"


def test_every_user_has_recommendations_of_the_pushed_model(first: Run) -> None:
    folders = (first.workdir / "artifacts" / "BatchRecommender" / "recommendations").iterdir()
    files = min(folders, key=lambda folder: int(folder.name)).glob("*.parquet")  # those of the first run
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert {row["user_id"] for row in rows} == {hostile_user(user) for user in range(NUM_USERS)} and len(
        rows
    ) == NUM_USERS
    assert all(len(row["item_ids"]) == 10 and not row["cold_start"] for row in rows)


def test_slices_cover_history_length_target_popularity_time_and_category(first: Run) -> None:
    names = {name.split("=")[0] for name in first.outcome.slices["dimerec"]}
    assert names == {"history_length", "target_popularity", "time", "category"}


def test_training_leaves_no_checkpoint_behind(first: Run) -> None:
    assert not [file for file in (first.workdir / "checkpoints").rglob("*") if file.is_file()]


def test_the_training_was_validated_on_the_eval_split_and_can_be_watched(first: Run) -> None:
    runs = (first.workdir / "artifacts" / "Trainer.dimerec" / "model_run").iterdir()
    (events,) = min(runs, key=lambda run: int(run.name)).rglob("events.out.tfevents.*")
    curves = EventAccumulator(str(events), size_guidance={"tensors": 0})
    curves.Reload()
    rates = [float(tf.make_ndarray(event.tensor_proto)) for event in curves.Tensors("validation/HR@10")]
    assert 2 <= len(rates) <= 5 and max(rates) > 0.5, "the eval split's next items are those of the ring"


def test_bad_rows_are_set_aside_with_their_reasons(first: Run) -> None:
    summary = json.loads((first.workdir / "rejected_rows" / "summary.json").read_text())
    assert summary["rejected"] == {"missing item id": 1, "unparsable time": 1, "wrong number of fields": 1}
    kept = (first.workdir / "rejected_rows" / "rejected.jsonl").read_text().splitlines()
    assert len(kept) == len(BAD_ROWS)


def test_the_vocabulary_of_transform_is_the_librarys(first: Run) -> None:
    (file,) = (first.workdir / "artifacts" / "Transform").rglob("assets/items")
    encoder = Encoder.from_training(load_splits(first.config.data).train)
    assert file.read_bytes().decode().rstrip("\n").split("\n") == encoder.ids


def test_a_second_run_takes_every_unchanged_step_from_the_cache(first: Run, second: Outcome) -> None:
    assert {step.name for step in second.steps if step.state != "cached"} <= ALWAYS_RUN
    for model, metrics in first.outcome.metrics.items():
        assert second.metrics[model] == pytest.approx(metrics, rel=1e-6)
    assert second.pushed_version == 1


def test_a_worse_model_is_refused_with_the_reasons_and_not_pushed(first: Run, refused: Outcome) -> None:
    assert not refused.blessed and refused.pushed_version is None
    assert refused.metrics["dimerec"]["HR@10"] < first.outcome.metrics["dimerec"]["HR@10"]
    with pytest.raises(NotBlessed) as caught:
        require_blessing(refused)
    assert "HR@10" in str(caught.value)
    assert "the last blessed model" in str(caught.value)
    assert [entry.name for entry in (first.workdir / "serving" / "dimerec").iterdir()] == ["1"]


def test_a_warm_start_that_learns_nothing_is_warned_of(
    first: Run, warm: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    change = warm.metrics["dimerec"]["NDCG@10"] - first.outcome.metrics["dimerec"]["NDCG@10"]
    assert first.outcome.gain is None and warm.gain == pytest.approx(change, abs=1e-6)
    config = first.config.model_copy(update={"warm_start": WarmStartConfig()})
    for gain, warned in ((warm.gain, warm.gain <= 0), (0.0, True), (0.01, False), (None, False)):
        print_outcome(config, replace(warm, gain=gain))
        assert ("no better than the model it starts from" in capsys.readouterr().out) is warned
    print_outcome(first.config, replace(warm, gain=0.0))
    assert "warm start" not in capsys.readouterr().out, "a training from scratch is not warned of"


def test_a_warm_start_has_what_the_blessed_model_learned(first: Run, refused: Outcome, warm: Outcome) -> None:
    steps = {step.name: step.state for step in warm.steps}
    assert steps["Trainer.dimerec"] == steps["Tuner"] == "complete" and steps["Transform"] == "cached"
    assert warm.metrics["dimerec"]["HR@10"] == pytest.approx(first.outcome.metrics["dimerec"]["HR@10"], abs=0.03)
    assert warm.metrics["dimerec"]["HR@10"] > refused.metrics["dimerec"]["HR@10"] + 0.1
    assert warm.blessed and warm.pushed_version == 2


def test_the_trainer_takes_the_best_values_of_the_tuner(first: Run, warm: Outcome) -> None:
    artifacts = first.workdir / "artifacts"
    (results,) = (artifacts / "Tuner").rglob("tuner_results.json")
    best = max(json.loads(results.read_text()), key=lambda trial: trial["score"])
    exports = (artifacts / "Trainer.dimerec" / "model").glob(f"*/Format-Serving/{RECORD}")
    newest = max(exports, key=lambda record: int(record.parents[2].name))
    assert json.loads(newest.read_text())["config"]["training"]["batch_size"] == best["training.batch_size"]


def test_the_command_fails_with_the_reasons(
    first: Run,
    refused: Outcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "config.yaml").write_text(first.config.to_yaml())
    monkeypatch.setattr("dimerec_tf.cli.pipeline.run_pipeline", lambda config, workdir: refused)
    monkeypatch.setattr("sys.argv", ["dimerec", "pipeline", "run", "--config", str(tmp_path / "config.yaml")])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == VERDICT_IS_NO
    assert "error: The model was refused, and nothing was pushed. HR@10" in capsys.readouterr().err


def test_a_baseline_is_found_only_where_models_are_measured_alike(first: Run, tmp_path: Path) -> None:
    shutil.copy(first.workdir / "metadata.sqlite", tmp_path)
    connection = sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))

    def baselines(**sections: dict[str, Any]) -> int:
        pipeline = Pipeline(
            pipeline_name=pipeline_name(small_config(Path(first.config.data.path), **sections)),
            pipeline_root=str(tmp_path),
            components=[last_blessed_model()],
            metadata_connection_config=connection,
        )
        LocalDagRunner().run(pipeline)
        store = MetadataStore(connection)
        newest = max(execution.id for execution in store.get_executions())
        return len(store.get_events_by_execution_ids([newest]))

    assert baselines(training={"epochs": 3}) == 2, "a model and its blessing"
    assert baselines(evaluation={"filter_seen": False}) == 0
    assert baselines(data={"path": first.config.data.path, "split": {"kind": "global_time"}}) == 0


@pytest.fixture(scope="module")
def evaluated(first: Run) -> list[tuple[list[str], list[str]]]:
    """Test histories, each with the ids that the Evaluator counted: its metrics are those of these ids."""
    examples = list(read_split(first.outcome.examples_uri, "test"))
    model = Served(first.workdir / "serving" / "dimerec" / "1")
    serialised = [example(history_item_ids=history, target_item_id=[target]) for _, history, target in examples]
    found = model.run("evaluate", examples=serialised)["topk_item_id"]
    model.session.close()
    lists = [[item.decode() for item in row if item] for row in found]
    targets = [target for _, _, target in examples]
    ranks = [[row.index(item) + 1.0 if item in row else np.inf] for row, item in zip(lists, targets, strict=True)]
    counted = summarise(np.array(ranks), (10, 20))
    for name, value in counted.items():
        assert first.outcome.metrics["dimerec"][name] == pytest.approx(value)
    return [(history, row) for (_, history, _), row in zip(examples, lists, strict=True)]


def test_the_evaluator_counts_what_lists_are_like_as_the_benchmark_does(
    first: Run, evaluated: list[tuple[list[str], list[str]]]
) -> None:
    benchmark = Benchmark(first.config.data)
    assert benchmark.categories
    rows = np.array([[benchmark.encoder.row(item) for item in row] for _, row in evaluated])
    expected = summarise_lists(rows, benchmark.counts, (10, 20), benchmark.categories.matrix())
    for name, value in expected.items():
        assert first.outcome.metrics["dimerec"][name] == pytest.approx(value)


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("batching", [None, BatchingOptions(8, 5000, 10, 2, pad_variable_length_inputs=True)])
def test_the_server_gives_the_ids_that_the_evaluator_counted(
    first: Run, evaluated: list[tuple[list[str], list[str]]], export: str, batching: BatchingOptions | None
) -> None:
    """Over gRPC and REST; in one request, and in one for each history, which are joined where there is batching."""
    histories, expected = [history for history, _ in evaluated], [row for _, row in evaluated]
    options = ServerOptions(batching=batching, rest_address="127.0.0.1:0")
    server = start_server({export: first.workdir / "serving" / export}, "127.0.0.1:0", options)

    def ask(client: Recommender, some: list[list[str]]) -> list[list[str]]:
        return [list(answer.item_ids) for answer in client.recommend(some, k=20, filter_seen=True)]

    try:
        for client_class, port in ((RecommendClient, server.port), (RestRecommendClient, server.rest.port)):
            with client_class(f"127.0.0.1:{port}", export) as client, ThreadPoolExecutor(8) as pool:
                one_each = pool.map(lambda history: ask(client, [history])[0], histories)
                assert list(one_each) == expected
                if not batching:
                    assert ask(client, histories) == expected
    finally:
        server.stop()


@pytest.mark.parametrize("export", EXPORTS)
def test_what_is_pushed_knows_the_categories_of_the_item_file(first: Run, export: str) -> None:
    model = Served(first.workdir / "serving" / export / "1")
    answer = model.run(history_item_ids=[["i3"]], k=[20], allow_categories=[["odd"]])["item_ids"][0]
    assert sorted(answer.tolist()) == sorted(hostile_item(item).encode() for item in range(1, NUM_ITEMS, 2))
    model.session.close()

"""BatchRecommender: what it writes for every user, against what the model answers one by one."""

from pathlib import Path

import apache_beam as beam
import dill
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.config_pipeline_steps import BatchRecommenderConfig
from tests.export.served import Served
from tests.serving.exported import save_export
from tests.tfx_pipeline.artifacts import write_examples
from tfx_pipeline.components.batch_recommender.component import Recommendations
from tfx_pipeline.components.batch_recommender.executor import Executor
from tfx_pipeline.components.batch_recommender.recommend import Recommend

# By user all events; training has the first ones, and so on. The last user has none that the model knows.
SEQUENCES = {f"u{user}": [f"item-{user * 7 + step + 1}" for step in range(6)] for user in range(9)}
SEQUENCES["new"] = ["unheard-of", "neither", "nor this"]
SPLITS = {
    "train": {user: items[:-2] for user, items in SEQUENCES.items()},
    "eval": {user: items[:-1] for user, items in SEQUENCES.items()},
    "test": {user: items for user, items in SEQUENCES.items() if user != "u3"},
}
LONGEST = {**SEQUENCES, "u3": SEQUENCES["u3"][:-1]}
BEAM_ARGS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Model:
    root = tmp_path_factory.mktemp("model")
    save_export(root)
    (root / "versions" / "1").rename(root / "Format-Serving")
    model = standard_artifacts.Model()
    model.uri = str(root)
    return model


def _run(
    model: standard_artifacts.Model, folder: Path, pushed: bool = True, **settings: object
) -> tuple[Recommendations, list[Path]]:
    (folder / "examples").mkdir()
    examples = write_examples(folder / "examples", SPLITS)
    pushed_model, recommendations = standard_artifacts.PushedModel(), Recommendations()
    pushed_model.set_int_custom_property("pushed", int(pushed))
    recommendations.uri = str(folder / "recommendations")
    executor = Executor(BaseBeamExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(argv=BEAM_ARGS)))
    executor.Do(
        {"examples": [examples], "model": [model], "pushed_model": [pushed_model]},
        {"recommendations": [recommendations]},
        {"settings": BatchRecommenderConfig.model_validate({"k": 5, **settings}).model_dump_json()},
    )
    return recommendations, sorted(Path(recommendations.uri).glob("*"))


def _answers(model: standard_artifacts.Model, filter_seen: bool) -> dict[str, tuple[list[str], list[float], bool]]:
    """By user what the model, as TF Serving runs it, answers to all events."""
    served, answers = Served(Path(model.uri) / "Format-Serving"), {}
    for user, items in LONGEST.items():
        answer = served.run(history_item_ids=[items], k=[5], filter_seen=[filter_seen])
        ids = [item.decode() for item in answer["item_ids"][0]]
        answers[user] = ids, pytest.approx(answer["scores"][0].tolist(), abs=1e-5), bool(answer["cold_start"][0])
    served.session.close()
    return answers


def test_every_user_gets_in_parquet_what_a_server_would_answer_to_all_events(model, tmp_path: Path) -> None:
    recommendations, files = _run(model, tmp_path, shards=2, batch_size=4)
    assert [file.name for file in files] == [f"recommendations-0000{shard}-of-00002.parquet" for shard in range(2)]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert len(rows) == len(LONGEST) == recommendations.get_int_custom_property("users")
    assert recommendations.get_int_custom_property("cold_start_users") == 1
    found = {row["user_id"]: (row["item_ids"], row["scores"], row["cold_start"]) for row in rows}
    assert found == _answers(model, filter_seen=True)
    assert all(set(ids).isdisjoint(LONGEST[user]) for user, (ids, _, _) in found.items())


def test_the_same_as_tf_examples(model, tmp_path: Path) -> None:
    recommendations, files = _run(model, tmp_path, format="tfrecord", shards=1, filter_seen=False)
    found = {}
    for record in tf.data.TFRecordDataset([str(file) for file in files], "GZIP").as_numpy_iterator():
        row = tf.train.Example.FromString(record).features.feature
        ids = [item.decode() for item in row["item_ids"].bytes_list.value]
        (user,), (cold,) = row["user_id"].bytes_list.value, row["cold_start"].int64_list.value
        found[user.decode()] = ids, list(row["scores"].float_list.value), bool(cold)
    assert found == _answers(model, filter_seen=False)
    assert recommendations.get_int_custom_property("users") == len(found)


def test_a_model_that_was_not_pushed_recommends_nothing(model, tmp_path: Path) -> None:
    recommendations, files = _run(model, tmp_path, pushed=False)
    assert recommendations.get_int_custom_property("users") == 0 and files == []


def test_the_model_is_not_part_of_what_goes_to_workers_who_load_it_once(model, monkeypatch) -> None:
    load, loaded = tf.saved_model.load, []
    monkeypatch.setattr(tf.saved_model, "load", lambda path: loaded.append(path) or load(path))
    step = Recommend(str(Path(model.uri) / "Format-Serving"), 5, True)
    assert len(dill.dumps(step)) < 10_000
    copies = [dill.loads(dill.dumps(step)) for _ in range(2)]
    for copy in copies:
        copy.setup()
        assert [row["user_id"] for row in copy.process([(b"u", [b"item-1"]), (b"v", [])])] == ["u", "v"]
    assert len(loaded) == 1


def test_more_items_than_the_export_gives_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"steps\.batch_recommender\.k is 101, but export\.max_k is 100"):
        parse_config({"steps": {"batch_recommender": {"k": 101}}})

"""What an export recommends, as TF Serving loads it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from dimerec_tf.config import Config
from dimerec_tf.data.items import Categories
from dimerec_tf.evaluation.evaluator import compile_search, retrieve, target_ranks
from dimerec_tf.export.evaluation import category_slices
from dimerec_tf.export.save import RECORD
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer
from tests.export.served import CATEGORIES, CATEGORIES_OF, IDS, NUM_ITEMS, TRAIN_EVENTS, Served, example

RNG = np.random.default_rng(9)


def test_only_the_history_is_required_and_k_defaults(served: Served) -> None:
    answer = served.run(history_item_ids=[["item-3", "item-5"]])
    assert answer["item_ids"].shape == answer["scores"].shape == (1, 10)
    assert answer["cold_start"].tolist() == [False]
    assert set(answer["item_ids"][0]) <= {item.encode() for item in IDS}
    assert (np.diff(answer["scores"][0]) <= 0).all()


def test_each_row_gets_its_own_k(served: Served) -> None:
    answer = served.run(history_item_ids=[["item-3"], ["item-4"]], k=[2, 5])
    assert (answer["item_ids"] != b"").sum(axis=1).tolist() == [2, 5]
    assert answer["scores"][0, 2:].tolist() == [0, 0, 0]


def test_seen_and_excluded_items_never_come_back(served: Served) -> None:
    plain = served.run(history_item_ids=[["item-3", "item-9"]], k=[30])["item_ids"][0].tolist()
    excluded = plain[:4]
    answer = served.run(
        history_item_ids=[["item-3", "item-9"]], k=[30], exclude_item_ids=[excluded], filter_seen=[True]
    )["item_ids"][0].tolist()
    assert not {*excluded, b"item-3", b"item-9", b""} & set(answer)
    kept = [item for item in plain if item not in {*excluded, b"item-3", b"item-9"}]
    assert answer[: len(kept)] == kept


def test_exclusions_never_shorten_an_answer_while_the_catalogue_has_items(served: Served) -> None:
    answer = served.run(history_item_ids=[["item-1"]], k=[60], exclude_item_ids=[IDS[:240]])
    assert sorted(answer["item_ids"][0].tolist()) == sorted(item.encode() for item in IDS[240:])


def test_padding_unknown_ids_and_long_histories(served: Served) -> None:
    plain = served.run(history_item_ids=[["item-3", "item-9"]])
    for history in (["", "item-3", "item-9", ""], ["item-3", "who?", "item-9"]):
        np.testing.assert_array_equal(served.run(history_item_ids=[history])["item_ids"], plain["item_ids"])
    long = [str(RNG.choice(IDS)) for _ in range(500)]
    recent = served.run(history_item_ids=[long[-6:]])
    np.testing.assert_array_equal(served.run(history_item_ids=[long])["item_ids"], recent["item_ids"])


@pytest.mark.parametrize("history", [[], [""], ["who?"]])
def test_a_history_without_a_known_item_gets_popular_items_and_a_flag(served: Served, history: list[str]) -> None:
    answer = served.run(history_item_ids=np.array([history], dtype=object).reshape(1, -1), k=[3])
    assert answer["item_ids"].tolist() == [[b"item-1", b"item-2", b"item-3"]]
    assert answer["cold_start"].tolist() == [True]


@pytest.mark.parametrize("k", [0, -1, 61])
def test_k_out_of_bounds_is_an_argument_error_with_the_limit(served: Served, k: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="k must lie between 1 and 60"):
        served.run(history_item_ids=[["item-3"]], k=[k])


def test_a_row_is_answered_alike_alone_and_in_a_batch(served: Served) -> None:
    histories = [[str(item) for item in RNG.choice(IDS, 5)] for _ in range(8)]
    together = served.run(history_item_ids=histories, k=[20])["item_ids"]
    for index, history in enumerate(histories):
        assert served.run(history_item_ids=[history], k=[20])["item_ids"][0].tolist() == together[index].tolist()


def test_served_ids_are_the_evaluated_ids(served: Served, scorer: ModelScorer) -> None:
    """The Evaluator's signature, a client's request and the library's evaluator give one and the same ranking."""
    histories = [[str(item) for item in RNG.choice(IDS, RNG.integers(0, 12))] for _ in range(30)]
    evaluated = served.run(
        "evaluate", examples=[example(history_item_ids=history, target_item_id=["item-1"]) for history in histories]
    )["topk_item_id"]
    width = max(map(len, histories))
    padded = [history + [""] * (width - len(history)) for history in histories]
    requested = served.run(history_item_ids=padded, k=[50], filter_seen=[True])["item_ids"]
    np.testing.assert_array_equal(requested, evaluated)
    rows = retrieve(
        compile_search(ExactRetriever(scorer)),
        [[IDS.index(item) + 1 for item in history] for history in histories],
        filter_seen=True,
        depth=50,
    )
    ranks = target_ranks(rows, [[IDS.index(row[4].decode()) + 1] for row in evaluated])
    assert ranks.tolist() == [[5.0]] * len(histories)


def test_only_the_scann_export_has_ops_outside_the_core(exports: dict[str, Path]) -> None:
    def ops(path: Path) -> set[str]:
        graph = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
        functions = [node.op for function in graph.library.function for node in function.node_def]
        return {node.op for node in graph.node} | set(functions)

    assert not [op for name in ("exact", "ivf") for op in ops(exports[name]) if ">" in op]
    # Not safe in a server with several threads: see layers/layer_norm.py.
    assert not [op for path in exports.values() for op in ops(path) if op.startswith("FusedBatchNorm")]
    assert [op for op in ops(exports["scann"]) if op.startswith("Scann>")]


def test_slices_name_history_length_and_target_popularity(exports: dict[str, Path]) -> None:
    model = tf.saved_model.load(str(exports["exact"]))
    cases = [
        ([], "item-1"),
        (IDS[:4], "item-3"),
        (IDS[:5], "item-4"),
        (IDS[:20], "item-60"),
        (IDS[:200], "item-61"),
        (IDS[:3], "?"),
    ]
    slices = model.signatures["slices"](
        tf.constant([example(history_item_ids=history, target_item_id=[target]) for history, target in cases])
    )
    assert slices["history_length"].numpy().tolist() == [b"0-4", b"0-4", b"5-19", b"20-49", b"200+", b"0-4"]
    assert slices["target_popularity"].numpy().tolist() == [
        b"top 1%",
        b"top 1%",
        b"top 5%",
        b"top 20%",
        b"rest",
        b"unknown",
    ]


def test_slices_name_each_category_of_the_target_and_its_period(exports: dict[str, Path]) -> None:
    """One without a category is of `none`, one outside the catalogue too."""
    model = tf.saved_model.load(str(exports["exact"]))
    targets = ["item-1", "item-2", "item-16", "?"]
    examples = [example(history_item_ids=[], target_item_id=[target], target_period=["1 of 4"]) for target in targets]
    slices = model.signatures["slices"](tf.constant([*examples, example(target_item_id=["item-2"])]))
    named = [{name.decode() for name in row} for row in slices["category"].numpy()]
    assert named == [{"none"}, {"Drama"}, {"Drama", "Noir", "War", "Western"}, {"none"}, {"Drama"}]
    assert slices["time"].numpy().tolist() == [b"1 of 4"] * 4 + [b"unknown"]


def test_categories_beyond_the_thirty_largest_are_one_slice() -> None:
    """Row r of 40 has the r-th category, and row 41 once more the last thirty."""
    names = [f"c{number:02}" for number in range(1, 41)]
    categories = ItemCategories(Categories(names, [[], *([place] for place in range(40)), [*range(10, 40)]]))
    slices = category_slices(categories)(tf.range(42, dtype=tf.int64)).numpy()
    named = [{name.decode() for name in row} for row in slices]
    assert named[:11] == [{"none"}, *[{"other"}] * 10]
    assert named[11:] == [*({name} for name in names[10:]), set(names[10:])]


def test_the_evaluator_learns_what_is_known_of_the_ids(exports: dict[str, Path], popularity: Served) -> None:
    model = tf.saved_model.load(str(exports["exact"]))
    asked = tf.constant([example(history_item_ids=["item-3"], target_item_id=["item-1"])] * 2)
    answer = {name: value.numpy() for name, value in model.signatures["evaluate"](asked).items()}
    ids = [item.decode() for item in answer["topk_item_id"][1]]
    assert answer["topk_train_events"][1].tolist() == [TRAIN_EVENTS[IDS.index(item) + 1] for item in ids]
    numbers = [set(own[own > 0].tolist()) for own in answer["topk_categories"][1]]
    assert numbers == [{CATEGORIES.index(name) + 1 for name in CATEGORIES_OF[item]} for item in ids]
    assert answer["catalogue_items"].tolist() == [NUM_ITEMS] * 2
    assert answer["catalogue_train_events"].tolist() == [TRAIN_EVENTS.sum()] * 2
    assert set(popularity.run("evaluate", examples=asked.numpy())) == {"topk_item_id", "catalogue_items"}


def test_the_record_says_what_was_exported(exports: dict[str, Path], config: Config) -> None:
    for index, path in exports.items():
        record = json.loads((path / RECORD).read_text())
        assert (record["index"], record["items"], record["categories"]) == (index, NUM_ITEMS, len(CATEGORIES))
        assert record["bytes"] > 0
        if index != "exact":
            assert record["index_recall"] == {"k": 50, "histories": 40, "recall": 1.0}
            assert record["index_settings"]["leaves_to_search"] == record["index_settings"]["leaves"]
            assert record["index_build_seconds"] >= 0
        assert record["config_fingerprint"] == config.fingerprint()
        assert Config.model_validate(record["config"]) == config

"""What else a request may ask: allowed items, steps and seed of the reverse walk; and the other signatures."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dimerec_tf.export.warmup import WARMUP_FILE
from dimerec_tf.retrieval.exact import ModelScorer
from tests.export.served import IDS, Served, example

HISTORY = ["item-3", "item-7"]


def test_only_allowed_items_come_back_in_the_order_of_all(served: Served) -> None:
    """Whatever else is asked; an allowed item that is unknown, repeated, excluded or seen is not returned."""
    allowed = [*IDS[100:110], "who?", IDS[100], "", *IDS[5:8]]
    everything = served.run(history_item_ids=[HISTORY], k=[60], exclude_item_ids=[IDS[8:100] + IDS[110:]])
    expected = [item for item in everything["item_ids"][0].tolist() if item and item.decode() in allowed]
    plain = served.run(history_item_ids=[HISTORY], k=[20], allow_item_ids=[allowed])
    assert plain["item_ids"][0].tolist() == [*expected, *[b""] * 7]
    scores = dict(zip(everything["item_ids"][0], everything["scores"][0], strict=True))
    np.testing.assert_allclose(plain["scores"][0], [*(scores[item] for item in expected), *[0] * 7], atol=1e-6)
    fewer = served.run(
        history_item_ids=[HISTORY],
        k=[5],
        allow_item_ids=[allowed],
        exclude_item_ids=[["item-103"]],
        filter_seen=[True],
    )["item_ids"][0].tolist()
    assert fewer == [item for item in expected if item not in (b"item-103", b"item-7")][:5]


def test_rows_with_and_without_allowed_items_may_share_a_batch(served: Served) -> None:
    histories = [["item-3"], ["item-4"], ["who?"], ["item-5"]]
    allowed = [[""] * 3, ["item-9", "item-8", "item-2"], ["item-9", "", "item-4"], ["", "who?", ""]]
    together = served.run(history_item_ids=histories, k=[4], allow_item_ids=allowed)["item_ids"]
    alone = [
        served.run(history_item_ids=[history], k=[4], allow_item_ids=[row])["item_ids"][0].tolist()
        for history, row in zip(histories, allowed, strict=True)
    ]
    assert together.tolist() == alone
    assert alone[0] == served.run(history_item_ids=[["item-3"]], k=[4])["item_ids"][0].tolist()
    assert sorted(alone[1]) == [b"", b"item-2", b"item-8", b"item-9"]
    assert alone[2] == [b"item-4", b"item-9", b"", b""], "a cold start is answered by popularity"
    assert alone[3] == [b""] * 4, "a list of unknown items allows nothing"
    for_all = served.run(history_item_ids=histories, k=[4], allow_item_ids=[["item-9"]])["item_ids"]
    assert for_all.tolist() == [[b"item-9", b"", b"", b""]] * 4


@pytest.mark.parametrize("name", ["k", "filter_seen", "num_steps", "seed", "diversity_weight"])
def test_more_rows_of_an_input_than_histories_are_refused(served: Served, name: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        served.run(history_item_ids=[HISTORY], **{name: [1, 1]})


def test_without_steps_and_seed_the_walk_is_the_models_own(served: Served) -> None:
    default = served.run(history_item_ids=[HISTORY], k=[60])
    own = served.run(history_item_ids=[HISTORY], k=[60], num_steps=[0], seed=[1])
    np.testing.assert_array_equal(own["item_ids"], default["item_ids"])
    np.testing.assert_array_equal(own["scores"], default["scores"])


def test_a_seed_and_a_number_of_steps_change_the_answer_and_repeat_it(served: Served) -> None:
    asked = [
        served.run(history_item_ids=[HISTORY], k=[60], num_steps=[steps], seed=[seed])["scores"]
        for steps, seed in [(1, 1), (1, 2), (4, 2), (1, 2), (4, 2)]
    ]
    np.testing.assert_array_equal(asked[1], asked[3])
    np.testing.assert_array_equal(asked[2], asked[4])
    assert not np.array_equal(asked[0], asked[1])
    assert not np.array_equal(asked[1], asked[2])


def test_rows_with_steps_and_seeds_of_their_own_may_share_a_batch(served: Served) -> None:
    histories, steps, seeds = [["item-3"], ["item-4"], ["item-5"]], [1, 4, 0], [1, 2, 3]
    together = served.run(history_item_ids=histories, num_steps=steps, seed=seeds)
    for row, (history, count, seed) in enumerate(zip(histories, steps, seeds, strict=True)):
        alone = served.run(history_item_ids=[history], num_steps=[count], seed=[seed])
        np.testing.assert_allclose(together["scores"][row], alone["scores"][0], rtol=1e-5)


@pytest.mark.parametrize("signature", ["serving_default", "embed"])
@pytest.mark.parametrize("num_steps", [-1, 5])
def test_a_number_of_steps_out_of_bounds_is_an_argument_error(served: Served, signature: str, num_steps: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="between 0, the default of this model, and 4"):
        served.run(signature, history_item_ids=[HISTORY], num_steps=[num_steps])


def test_examples_are_answered_like_requests(served: Served) -> None:
    allowed, excluded = IDS[:80], IDS[10:20]
    examples = [
        example(history_item_ids=HISTORY),
        example(
            history_item_ids=["item-5"],
            k=7,
            exclude_item_ids=excluded,
            allow_item_ids=allowed,
            filter_seen=1,
            num_steps=2,
            seed=9,
            allow_categories=["War", "Noir"],
            diversity_weight=0.5,
        ),
        example(),
    ]
    answer = served.run("serve_examples", examples=examples)
    requests = [
        served.run(history_item_ids=[HISTORY]),
        served.run(
            history_item_ids=[["item-5"]],
            k=[7],
            exclude_item_ids=[excluded],
            allow_item_ids=[allowed],
            filter_seen=[True],
            num_steps=[2],
            seed=[9],
            allow_categories=[["War", "Noir"]],
            diversity_weight=[0.5],
        ),
        served.run(history_item_ids=[[""]]),
    ]
    for row, expected in enumerate(requests):
        width = expected["item_ids"].shape[1]
        assert answer["item_ids"][row, :width].tolist() == expected["item_ids"][0].tolist()
        assert answer["item_ids"][row, width:].tolist() == [b""] * (10 - width)
    assert answer["cold_start"].tolist() == [False, False, True]


def test_a_number_in_an_example_is_not_cut_to_32_bits(served: Served) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="k must lie between 1 and 60"):
        served.run("serve_examples", examples=[example(history_item_ids=HISTORY, k=2**32 + 5)])


def test_embeddings_are_what_items_are_scored_by(served: Served, scorer: ModelScorer) -> None:
    for asked in ({}, {"num_steps": [4], "seed": [5]}):
        embedded = served.run("embed", history_item_ids=[HISTORY, ["who?", ""]], **asked)
        assert embedded["embeddings"].shape == (2, 1, 8)
        assert embedded["cold_start"].tolist() == [False, True]
        answer = served.run(history_item_ids=[HISTORY], k=[20], **asked)
        rows = [IDS.index(item.decode()) for item in answer["item_ids"][0]]
        expected = scorer.item_vectors.numpy()[rows] @ embedded["embeddings"][0, 0]
        np.testing.assert_allclose(answer["scores"][0], expected, atol=1e-5)


def test_interests_are_gems(served: Served, scorer: ModelScorer) -> None:
    answer = served.run("interests", history_item_ids=[HISTORY, ["", ""]])
    expected = scorer.model.interests(tf.constant([[3, 7], [0, 0]], tf.int64))
    np.testing.assert_allclose(answer["interests"], expected, atol=1e-6)
    assert answer["cold_start"].tolist() == [False, True]


def test_a_model_without_vectors_has_no_signatures_of_them_and_takes_no_steps(popularity: Served) -> None:
    named = {name for name, definition in popularity.meta_graph.signature_def.items() if definition.method_name}
    assert named == {"serving_default", "serve_examples", "evaluate", "slices"}
    answer = popularity.run(history_item_ids=[HISTORY], allow_item_ids=[["item-9", "item-4"]], num_steps=[0], seed=[3])
    assert answer["item_ids"][0, :3].tolist() == [b"item-4", b"item-9", b""]
    with pytest.raises(tf.errors.InvalidArgumentError, match="without a reverse walk: leave num_steps at 0"):
        popularity.run(history_item_ids=[HISTORY], num_steps=[1])


def test_warm_up_requests_send_every_input_for_one_history_and_for_eight(
    served: Served, exports: dict[str, Path]
) -> None:
    inputs = set(served.meta_graph.signature_def["serving_default"].inputs)
    for path in exports.values():
        records = tf.data.TFRecordDataset(str(path / WARMUP_FILE)).as_numpy_iterator()
        requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
        arrays = [{name: tf.make_ndarray(value) for name, value in request.inputs.items()} for request in requests]
        assert [set(own) for own in arrays] == [inputs, inputs]
        assert [{len(array) for array in own.values()} for own in arrays] == [{1}, {8}]
        for own in arrays:
            assert (served.run(**own)["item_ids"] != b"").all()

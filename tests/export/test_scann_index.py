"""A ScaNN index that searches a part of its leaves: approximate, but the same for a history in any batch."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import parse_config
from dimerec_tf.export.recall import index_recall
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.retrieval.scann import ScannRetriever

NUM_ITEMS, K = 2000, 20
RNG = np.random.default_rng(3)
HISTORIES = RNG.integers(1, NUM_ITEMS + 1, (6, 4))
NOTHING = np.zeros((6, 1), np.int64)


@pytest.fixture(scope="module")
def scann() -> ScannRetriever:
    config = parse_config({"model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}}})
    scorer = ModelScorer(DimeRec(config.model, np.ones(NUM_ITEMS + 1, np.int64), seed=1))
    return ScannRetriever(scorer, max_k=K, leaves=20, leaves_to_search=2, max_blocked=30)


def ids(scann: ScannRetriever, histories: np.ndarray, blocked: np.ndarray, k: int = K) -> list[list[int]]:
    return scann.search(tf.constant(histories), tf.constant(blocked), tf.constant(k))[1].numpy().tolist()


def test_a_part_of_the_leaves_is_not_exact_and_the_recall_says_so(scann: ScannRetriever) -> None:
    exact = scann.exact.search(tf.constant(HISTORIES), tf.constant(NOTHING), tf.constant(K))[1].numpy().tolist()
    found = ids(scann, HISTORIES, NOTHING)
    assert found != exact and all(len(set(row) - {0}) == K for row in found)
    assert 0 < index_recall(scann)["recall"] < 1


def test_neither_a_cold_row_nor_one_with_many_blocked_items_changes_the_others(scann: ScannRetriever) -> None:
    plain = ids(scann, HISTORIES, NOTHING)
    cold = HISTORIES.copy()
    cold[2] = 0
    blocked = np.zeros((6, 1900), np.int64)
    blocked[4] = np.arange(1, 1901)
    found = ids(scann, cold, blocked)
    assert found[2] == list(range(1, K + 1))
    assert set(found[4]) <= set(range(1901, NUM_ITEMS + 1)) and len(set(found[4])) == K
    assert [found[row] for row in (0, 1, 3, 5)] == [plain[row] for row in (0, 1, 3, 5)]


def test_leaves_with_too_few_items_give_no_shorter_answer() -> None:
    config = parse_config({"model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}}})
    scorer = ModelScorer(DimeRec(config.model, np.ones(201, np.int64), seed=1))
    small = ScannRetriever(scorer, max_k=K, leaves=40, leaves_to_search=1, max_blocked=30)
    found = ids(small, HISTORIES % 200 + 1, NOTHING)
    assert found == small.exact.search(tf.constant(HISTORIES % 200 + 1), NOTHING, tf.constant(K))[1].numpy().tolist()


def test_an_item_that_several_queries_find_is_listed_once_with_its_best_score() -> None:
    config = parse_config({"model": {"dim": 8, "max_history": 6, "retrieval": "interests"}})
    scorer = ModelScorer(DimeRec(config.model, np.ones(301, np.int64), seed=1))
    index = ScannRetriever(scorer, max_k=K, max_blocked=30)
    histories, blocked = tf.constant(HISTORIES % 300 + 1), tf.constant(HISTORIES % 300 + 1)
    assert scorer.model.query(histories).shape[1] == 3
    scores, rows = index.search(histories, blocked, tf.constant(K))
    exact_scores, exact_rows = index.exact.search(histories, blocked, tf.constant(K))
    np.testing.assert_array_equal(rows, exact_rows)
    np.testing.assert_allclose(scores, exact_scores, rtol=1e-5)

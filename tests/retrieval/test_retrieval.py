import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import parse_config
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, best_unblocked

NUM_ITEMS = 200
COUNTS = np.ones(NUM_ITEMS + 1, np.int64)
RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def scorer() -> ModelScorer:
    config = parse_config({"model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}}})
    return ModelScorer(DimeRec(config.model, COUNTS, seed=1))


def _oracle(scores: np.ndarray, blocked: set[int], k: int) -> list[int]:
    order = sorted(range(1, len(scores) + 1), key=lambda row: (-scores[row - 1], row))
    return [row for row in order if row not in blocked][:k]


def test_best_unblocked_equals_a_sort() -> None:
    scores = RNG.integers(0, 5, (4, 30)).astype(np.float32)
    blocked = RNG.integers(0, 31, (4, 12))
    top, rows = best_unblocked(tf.constant(scores), tf.constant(blocked), tf.constant(7))
    for index in range(4):
        expected = _oracle(scores[index], set(blocked[index]), 7)
        assert rows[index].numpy().tolist() == expected
        np.testing.assert_array_equal(top[index], scores[index][np.array(expected) - 1])


def test_past_the_end_of_the_catalogue_rows_are_zero() -> None:
    top, rows = best_unblocked(tf.constant([[1.0, 3.0, 2.0]]), tf.constant([[2, 0]], tf.int64), tf.constant(5))
    assert rows.numpy().tolist() == [[3, 1, 0, 0, 0]]
    assert top.numpy().tolist() == [[2.0, 1.0, 0.0, 0.0, 0.0]]


def test_model_scores_are_inner_products_of_query_and_items(scorer: ModelScorer) -> None:
    history = tf.constant(RNG.integers(1, NUM_ITEMS, (3, 5)))
    queries, items = scorer.model.query(history)[:, 0].numpy(), scorer.model.items.catalogue().numpy()
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(scorer.scores(scorer.users(history)), queries @ items.T, atol=1e-5)


def test_an_unknown_history_is_answered_by_popularity(scorer: ModelScorer) -> None:
    _, rows = ExactRetriever(scorer).search(tf.zeros([1, 2], tf.int64), tf.constant([[2]], tf.int64), tf.constant(4))
    assert rows.numpy().tolist() == [[1, 3, 4, 5]]


def test_an_item_is_scored_by_its_best_query() -> None:
    class SeveralQueries:
        queries, items = RNG.normal(size=(3, 4, 8)), RNG.normal(size=(NUM_ITEMS, 8))

        def query(self, history: tf.Tensor) -> tf.Tensor:
            return tf.constant(self.queries, tf.float32)

        def item_vectors(self) -> tf.Tensor:
            return tf.constant(self.items, tf.float32)

    model = SeveralQueries()
    expected = [[max(query @ item for query in user) for item in model.items] for user in model.queries]
    found = ModelScorer(model).scores(model.query(tf.ones([3, 2], tf.int64)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

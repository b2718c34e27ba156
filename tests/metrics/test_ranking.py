import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.evaluation.evaluator import retrieve, target_ranks
from dimerec_tf.metrics.ranking import hit_rate, ndcg, reciprocal_rank, summarise
from dimerec_tf.retrieval.exact import ExactRetriever

RANKS = np.array([1.0, 3.0, 10.0, 11.0, np.inf])


def test_hand_computed_values() -> None:
    assert hit_rate(RANKS, 10) == pytest.approx(3 / 5)
    assert ndcg(RANKS, 10) == pytest.approx((1 + 1 / 2 + 1 / np.log2(11)) / 5)
    assert reciprocal_rank(RANKS, 10) == pytest.approx((1 + 1 / 3 + 1 / 10) / 5)
    assert summarise(RANKS, (10, 20)) == {
        "HR@10": pytest.approx(0.6),
        "NDCG@10": ndcg(RANKS, 10),
        "MRR@10": reciprocal_rank(RANKS, 10),
        "HR@20": pytest.approx(0.8),
        "NDCG@20": ndcg(RANKS, 20),
        "MRR@20": reciprocal_rank(RANKS, 20),
    }


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match="no held-out example"):
        summarise(np.empty(0), (10,))


class _Table(tf.Module):
    """Scores by the history's first row."""

    def __init__(self, scores: np.ndarray) -> None:
        super().__init__()
        self.table = tf.constant(scores, tf.float32)

    def scores(self, history: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.table, history[:, 0])


@pytest.mark.parametrize("filter_seen", [False, True])
def test_ranks_equal_a_sort_of_the_whole_catalogue(filter_seen: bool) -> None:
    rng = np.random.default_rng(5)
    table = rng.integers(0, 6, (21, 20))
    histories = [rng.integers(1, 21, rng.integers(1, 6)).tolist() for _ in range(300)]
    targets = rng.integers(0, 21, 300).tolist()
    ranks = target_ranks(retrieve(ExactRetriever(_Table(table)), histories, filter_seen, depth=8), targets)
    for history, target, rank in zip(histories, targets, ranks, strict=True):
        order = sorted(range(1, 21), key=lambda row, history=history: (-table[history[0]][row - 1], row))
        candidates = [row for row in order if not (filter_seen and row in history)][:8]
        assert rank == (candidates.index(target) + 1 if target in candidates else np.inf)

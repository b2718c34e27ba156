import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.evaluation.evaluator import compile_search, retrieve, target_ranks
from dimerec_tf.metrics.ranking import hit_rate, ndcg, ndcg_by_case, recall, reciprocal_rank, summarise
from dimerec_tf.retrieval.exact import ExactRetriever, HistoryScorer

RANKS = np.array([[1.0], [3.0], [10.0], [11.0], [np.inf]])
RANK = st.integers(1, 30) | st.just(math.inf)


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


def test_hand_computed_values_with_several_targets() -> None:
    ranks = np.array([[2.0, np.inf, 1.0], [4.0, np.nan, np.nan], [np.inf, np.inf, np.nan]])
    assert hit_rate(ranks, 3) == pytest.approx(1 / 3) and hit_rate(ranks, 4) == pytest.approx(2 / 3)
    assert recall(ranks, 4) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert ndcg(ranks, 2) == pytest.approx((1 + 0 + 0) / 3), "two of three targets fill both places"
    discount = 1 / np.log2(3)
    assert ndcg_by_case(ranks, 4) == pytest.approx([(1 + discount) / (1 + discount + 1 / 2), 1 / np.log2(5), 0])
    assert reciprocal_rank(ranks, 4) == pytest.approx((1 + 1 / 4 + 0) / 3)
    assert summarise(ranks, (4,))["Recall@4"] == recall(ranks, 4)


@given(st.lists(RANK, min_size=1, max_size=20), st.integers(1, 20))
def test_with_one_target_each_the_metrics_are_those_of_the_rank_itself(places: list[float], k: int) -> None:
    ranks = np.array(places)
    one_target = ranks[:, np.newaxis]
    assert hit_rate(one_target, k) == recall(one_target, k) == np.mean(ranks <= k)
    assert ndcg(one_target, k) == np.mean(np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0))
    assert reciprocal_rank(one_target, k) == np.mean(np.where(ranks <= k, 1 / ranks, 0.0))


CASES = st.lists(
    st.tuples(st.permutations(range(1, 13)), st.sets(st.integers(1, 20), min_size=1, max_size=8)),
    min_size=1,
    max_size=8,
)


@given(CASES, st.integers(1, 12))
def test_metrics_of_several_targets_equal_a_walk_down_each_list(
    cases: list[tuple[list[int], set[int]]], k: int
) -> None:
    ranks = target_ranks(np.array([rows for rows, _ in cases]), [sorted(targets) for _, targets in cases])
    hits, recalls, gains, firsts = [], [], [], []
    for rows, targets in cases:
        places = [place for place, row in enumerate(rows[:k], start=1) if row in targets]
        ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(targets)) + 1))
        hits.append(bool(places))
        recalls.append(len(places) / len(targets))
        gains.append(sum(1 / math.log2(1 + place) for place in places) / ideal)
        firsts.append(1 / places[0] if places else 0)
    assert hit_rate(ranks, k) == pytest.approx(np.mean(hits))
    assert recall(ranks, k) == pytest.approx(np.mean(recalls))
    assert ndcg_by_case(ranks, k) == pytest.approx(gains)
    assert ndcg(ranks, k) == pytest.approx(np.mean(gains))
    assert reciprocal_rank(ranks, k) == pytest.approx(np.mean(firsts))


def test_an_item_outside_the_catalogue_is_a_miss_even_where_a_list_ends_early() -> None:
    ranks = target_ranks(np.array([[2, 0, 0]]), [[0, 2, 5]])
    assert ranks.tolist() == [[math.inf, 1.0, math.inf]]


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match="no held-out example"):
        summarise(np.empty((0, 1)), (10,))


class _Table(HistoryScorer):
    """Scores by the history's first row."""

    def __init__(self, scores: np.ndarray) -> None:
        super().__init__()
        self.table = tf.constant(scores, tf.float32)

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.table, users[:, 0])


@pytest.mark.parametrize("filter_seen", [False, True])
def test_ranks_equal_a_sort_of_the_whole_catalogue(filter_seen: bool) -> None:
    rng = np.random.default_rng(5)
    table = rng.integers(0, 6, (21, 20))
    histories = [rng.integers(1, 21, rng.integers(1, 6)).tolist() for _ in range(300)]
    targets = [rng.integers(0, 21, rng.integers(1, 4)).tolist() for _ in range(300)]
    search = compile_search(ExactRetriever(_Table(table)))
    ranks = target_ranks(retrieve(search, histories, filter_seen, depth=8), targets)
    for history, wanted, places in zip(histories, targets, ranks, strict=True):
        order = sorted(range(1, 21), key=lambda row, history=history: (-table[history[0]][row - 1], row))
        candidates = [row for row in order if not (filter_seen and row in history)][:8]
        expected = [candidates.index(row) + 1 if row in candidates else np.inf for row in wanted]
        assert places[: len(wanted)].tolist() == expected and np.isnan(places[len(wanted) :]).all()

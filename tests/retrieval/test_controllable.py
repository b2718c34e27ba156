"""Controllable aggregation against brute force, a plain greedy and lists worked out by hand."""

from itertools import combinations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dimerec_tf.data.items import Categories
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.controllable import CANDIDATES, DiverseRetriever, aggregate
from tests.controllable_oracle import aggregate_list

quick = settings(max_examples=30)
Candidates = list[tuple[float, set[int]]]
CANDIDATE_LISTS = st.lists(
    st.tuples(st.integers(-8, 8), st.sets(st.integers(0, 3), max_size=3)), min_size=1, max_size=9
).map(lambda candidates: sorted(candidates, key=lambda candidate: -candidate[0]))


def chosen(candidates: Candidates, weight: float, k: int) -> list[int]:
    """Positions among the candidates, all of which are considered from k = 3 on."""
    rows, numbers = np.arange(1, len(candidates) + 1), np.zeros([len(candidates), 4], int)
    for place, (_, own) in enumerate(candidates):
        numbers[place, : len(own)] = [number + 1 for number in own]
    scores = np.array([score for score, _ in candidates], np.float32)
    found = aggregate(*(tf.constant(part[np.newaxis]) for part in (scores, rows, numbers)), *of_one(weight, k))
    kept = found[1].numpy()[0]
    assert [found[0].numpy()[0, place] for place in np.flatnonzero(kept)] == [scores[row - 1] for row in kept if row]
    return [row - 1 for row in kept.tolist() if row]


def of_one(weight: float, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant([weight], tf.float32), tf.constant([k])


def value(places: list[int], candidates: Candidates, weight: float) -> float:
    pairs = sum(not candidates[i][1] & candidates[j][1] for i, j in combinations(places, 2))
    return sum(candidates[i][0] for i in places) + weight * pairs


def best_value(candidates: Candidates, weight: float, k: int) -> float:
    subsets = combinations(range(len(candidates)), min(k, len(candidates)))
    return max(value(list(places), candidates, weight) for places in subsets)


def test_a_list_worked_out_by_hand() -> None:
    candidates = [(1.0, {0}), (0.9, {0}), (0.8, {0, 1}), (0.2, {1})]
    assert chosen(candidates, 0.5, 3) == [0, 1, 3], "0.9 beats 0.2 + 0.5, but then 0.2 + 1.0 the 0.8"
    assert chosen(candidates, 0.75, 3) == [0, 3, 1], "0.2 + 0.75 beats 0.9"


@quick
@given(CANDIDATE_LISTS, st.integers(1, 10))
def test_without_weight_the_order_stays(candidates: Candidates, k: int) -> None:
    expected = list(range(min(k, len(candidates))))
    assert chosen(candidates, 0.0, k) == expected


@quick
@given(CANDIDATE_LISTS, st.sampled_from([0.5, 2.0, 20.0]), st.integers(3, 10))
def test_it_equals_a_plain_greedy(candidates: Candidates, weight: float, k: int) -> None:
    expected: list[int] = []
    while len(expected) < min(k, len(candidates)):
        left = [place for place in range(len(candidates)) if place not in expected]
        values = [value([*expected, place], candidates, weight) for place in left]
        expected.append(left[values.index(max(values))])
    assert chosen(candidates, weight, k) == expected


@quick
@given(CANDIDATE_LISTS, st.sampled_from([0.0, 0.5, 20.0]))
def test_a_single_item_is_the_best_one(candidates: Candidates, weight: float) -> None:
    (place,) = chosen(candidates, weight, 1)
    assert value([place], candidates, weight) == best_value(candidates, weight, 1)


@quick
@given(CANDIDATE_LISTS, st.integers(3, 9))
def test_with_one_category_each_and_enough_of_them_a_large_weight_gives_the_best_list(
    candidates: Candidates, k: int
) -> None:
    single = [(score, {place % 4}) for place, (score, _) in enumerate(candidates)]
    k = min(k, 4)
    assert value(chosen(single, 100.0, k), single, 100.0) == best_value(single, 100.0, k)


@quick
@given(CANDIDATE_LISTS, st.integers(3, 9))
def test_items_without_categories_differ_from_all_and_keep_their_order(candidates: Candidates, k: int) -> None:
    without: Candidates = [(score, set()) for score, _ in candidates]
    places = chosen(without, 5.0, k)
    assert places == list(range(min(k, len(without))))
    assert value(places, without, 5.0) == best_value(without, 5.0, k)


@quick
@given(st.integers(0, 10_000))
def test_lists_with_weights_and_lengths_of_their_own_share_a_batch(seed: int) -> None:
    """Scores are drawn from few values, so that there are ties; rows past the end are 0."""
    rng = np.random.default_rng(seed)
    lists, candidates = 4, 21
    matrix = rng.random([30, 3]) < 0.4
    matrix[0] = False
    categories = ItemCategories(Categories(["a", "b", "c"], [np.flatnonzero(own).tolist() for own in matrix]))
    scores = -np.sort(-rng.integers(0, 5, (lists, candidates)), axis=1).astype(np.float32)
    rows = np.stack([rng.permutation(np.arange(1, 30))[:candidates] for _ in range(lists)])
    rows[1, 15:], rows[2, 2:] = 0, 0
    weights, lengths = rng.choice([0.0, 0.5, 1.0, 3.0], lists), rng.integers(1, 8, lists)
    found_scores, found_rows = aggregate(
        tf.constant(scores),
        tf.constant(rows),
        categories.of(tf.constant(rows)),
        tf.constant(weights, tf.float32),
        tf.constant(lengths, tf.int32),
    )
    assert found_rows.shape == (lists, lengths.max())
    for own, (weight, k) in enumerate(zip(weights, lengths, strict=True)):
        known = rows[own][: CANDIDATES * k][rows[own][: CANDIDATES * k] > 0]
        places = aggregate_list(scores[own, : len(known)], matrix[known], weight, k)
        padding = [0] * (k - len(places))
        assert found_rows[own, :k].numpy().tolist() == [*known[places], *padding]
        assert found_scores[own, :k].numpy().tolist() == [*scores[own, places], *padding]


class Falling(tf.Module):
    """Finds the items in order."""

    def search(self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.tile(tf.range(1, k + 1)[tf.newaxis], [tf.shape(history)[0], 1])
        return -tf.cast(rows, tf.float32), tf.cast(rows, tf.int64)


def test_a_diverse_search_looks_at_four_candidates_for_each_place() -> None:
    """Item 8 is the first of another category and within reach of two places, item 9 is not."""
    for number, expected in ((8, [1, 8]), (9, [1, 2])):
        categories = ItemCategories(Categories(["a", "b"], [[], *([int(row == number)] for row in range(1, 21))]))
        search = DiverseRetriever(Falling(), categories, 100.0).search
        history = tf.ones([3, 1], tf.int64)
        assert search(history, history, tf.constant(2))[1].numpy().tolist() == [expected] * 3

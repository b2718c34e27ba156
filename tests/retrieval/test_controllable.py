"""Controllable aggregation against brute force, a plain greedy and lists worked out by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.retrieval.controllable import aggregate, aggregate_lists

CANDIDATES = st.lists(
    st.tuples(st.integers(-8, 8), st.sets(st.integers(0, 3), max_size=3)), min_size=1, max_size=9
).map(lambda candidates: sorted(candidates, key=lambda candidate: -candidate[0]))


def arrays(candidates: list[tuple[int, set[int]]]) -> tuple[np.ndarray, np.ndarray]:
    categories = np.array([[number in own for number in range(4)] for _, own in candidates])
    return np.array([float(score) for score, _ in candidates]), categories


def value(chosen: list[int], candidates: list[tuple[int, set[int]]], weight: float) -> float:
    pairs = sum(not candidates[i][1] & candidates[j][1] for i, j in combinations(chosen, 2))
    return sum(candidates[i][0] for i in chosen) + weight * pairs


def best_value(candidates: list[tuple[int, set[int]]], weight: float, k: int) -> float:
    subsets = combinations(range(len(candidates)), min(k, len(candidates)))
    return max(value(list(chosen), candidates, weight) for chosen in subsets)


def test_a_list_worked_out_by_hand() -> None:
    scores = np.array([1.0, 0.9, 0.8, 0.2])
    categories = np.array([[1, 0], [1, 0], [1, 1], [0, 1]], bool)
    assert aggregate(scores, categories, 0.5, 3).tolist() == [0, 1, 3], (
        "0.9 beats 0.2 + 0.5, but then 0.2 + 1.0 the 0.8"
    )
    assert aggregate(scores, categories, 0.75, 3).tolist() == [0, 3, 1], "0.2 + 0.75 beats 0.9"


@given(CANDIDATES, st.integers(1, 10))
def test_without_weight_the_order_stays(candidates: list[tuple[int, set[int]]], k: int) -> None:
    assert aggregate(*arrays(candidates), 0.0, k).tolist() == list(range(min(k, len(candidates))))


@given(CANDIDATES, st.sampled_from([0.5, 2.0, 20.0]), st.integers(1, 10))
def test_it_equals_a_plain_greedy(candidates: list[tuple[int, set[int]]], weight: float, k: int) -> None:
    chosen: list[int] = []
    while len(chosen) < min(k, len(candidates)):
        left = [place for place in range(len(candidates)) if place not in chosen]
        values = [value([*chosen, place], candidates, weight) for place in left]
        chosen.append(left[values.index(max(values))])
    assert aggregate(*arrays(candidates), weight, k).tolist() == chosen


@given(CANDIDATES, st.sampled_from([0.0, 0.5, 20.0]))
def test_a_single_item_is_the_best_one(candidates: list[tuple[int, set[int]]], weight: float) -> None:
    (chosen,) = aggregate(*arrays(candidates), weight, 1).tolist()
    assert value([chosen], candidates, weight) == best_value(candidates, weight, 1)


@given(CANDIDATES, st.integers(1, 9))
def test_with_one_category_each_and_enough_of_them_a_large_weight_gives_the_best_list(
    candidates: list[tuple[int, set[int]]], k: int
) -> None:
    single = [(score, {place % 4}) for place, (score, _) in enumerate(candidates)]
    k = min(k, len(single), 4)
    chosen = aggregate(*arrays(single), 100.0, k).tolist()
    assert value(chosen, single, 100.0) == best_value(single, 100.0, k)


@given(CANDIDATES, st.integers(1, 9))
def test_items_without_categories_differ_from_all_and_keep_their_order(
    candidates: list[tuple[int, set[int]]], k: int
) -> None:
    without = [(score, set()) for score, _ in candidates]
    chosen = aggregate(*arrays(without), 5.0, k).tolist()
    assert chosen == list(range(min(k, len(without))))
    assert value(chosen, without, 5.0) == best_value(without, 5.0, k)


def test_lists_leave_out_what_lies_past_the_end_of_the_catalogue() -> None:
    categories = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], bool)
    scores = np.array([[-1.0, -2.0, -3.0], [-1.0, -2.0, 0.0]])
    rows = np.array([[1, 2, 3], [2, 3, 0]])
    assert aggregate_lists(scores, rows, categories, 5.0, 2).tolist() == [[1, 3], [2, 3]]
    assert aggregate_lists(scores, rows, categories, 0.0, 4).tolist() == [[1, 2, 3, 0], [2, 3, 0, 0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scores_are_left_as_they_are(dtype: type) -> None:
    scores = np.array([1.0, 0.5], dtype)
    aggregate(scores, np.zeros([2, 1], bool), 1.0, 2)
    assert scores.tolist() == [1.0, 0.5]

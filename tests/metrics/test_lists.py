"""Metrics of lists against values worked out by hand and plain loops."""

from itertools import combinations

import numpy as np
import pytest

from dimerec_tf.metrics.lists import (
    category_count,
    coverage,
    intra_list_diversity,
    novelty,
    popularity_bias,
    summarise_lists,
)

ROWS = np.array([[1, 2, 3], [1, 2, 0]])
COUNTS = np.array([0, 8, 4, 0, 4])
CATEGORIES = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], bool)


def test_hand_computed_values() -> None:
    assert coverage(ROWS, 4) == 3 / 4
    assert novelty(ROWS, COUNTS) == pytest.approx((2 * 1 + 2 * 2 + 4) / 5), "shares 8/16, 4/16 and, for none, 1/16"
    assert popularity_bias(ROWS, COUNTS) == pytest.approx((2 * 8 + 2 * 4 + 0) / 5 / 4)
    assert category_count(ROWS, CATEGORIES) == 2


def test_diversity_equals_a_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    categories = rng.random((30, 5)) < 0.4
    categories[0] = False
    rows = rng.integers(1, 30, (20, 6))
    distances = [
        1 - np.sum(categories[a] & categories[b]) / np.sum(categories[a] | categories[b])
        for row in rows
        for a, b in combinations(row, 2)
        if np.any(categories[a] | categories[b])
    ]
    assert intra_list_diversity(rows, categories) == pytest.approx(np.mean(distances), rel=1e-5)


def test_many_lists_are_measured_as_one_after_the_other() -> None:
    rng = np.random.default_rng(1)
    categories = np.vstack([np.zeros([1, 4], bool), rng.random((40, 4)) < 0.3])
    rows = rng.integers(1, 41, (700, 5))
    counts = [len({column for row in own for column in np.flatnonzero(categories[row])}) for own in rows.tolist()]
    assert category_count(rows, categories) == pytest.approx(np.mean(counts))
    halves = [intra_list_diversity(part, categories) for part in (rows[:350], rows[350:])]
    assert min(halves) <= intra_list_diversity(rows, categories) <= max(halves)


def test_places_past_the_end_of_the_catalogue_are_no_items() -> None:
    assert intra_list_diversity(np.array([[2, 1, 0]]), CATEGORIES) == 1 / 2


def test_without_any_category_there_is_no_diversity() -> None:
    assert intra_list_diversity(ROWS, np.zeros((5, 2), bool)) == 0


def test_summary_cuts_at_each_k_and_leaves_out_categories_that_are_not_there() -> None:
    values = summarise_lists(ROWS, COUNTS, (1, 3))
    assert values["coverage@1"] == 1 / 4 and values["coverage@3"] == 3 / 4
    assert not any("categor" in name or "diversity" in name for name in values)
    assert summarise_lists(ROWS, COUNTS, (3,), CATEGORIES)["categories@3"] == 2

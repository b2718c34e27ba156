"""The categories of items in the graph against the matrix of them."""

import numpy as np
import tensorflow as tf

from dimerec_tf.data.items import Categories
from dimerec_tf.retrieval.categories import ItemCategories

NAMES = ["Drama", "Noir", "War", "Western"]
RNG = np.random.default_rng(5)
OF_ROWS = [[], *(sorted(RNG.choice(4, RNG.integers(0, 4), replace=False).tolist()) for _ in range(50))]
CATEGORIES = Categories(NAMES, OF_ROWS)


def test_rows_have_the_categories_of_the_matrix() -> None:
    rows = RNG.integers(0, 51, (6, 9))
    found = ItemCategories(CATEGORIES).of(tf.constant(rows)).numpy()
    assert found.shape == (6, 9, 3)
    matrix = CATEGORIES.matrix()
    for row, numbers in zip(rows.ravel(), found.reshape(-1, 3), strict=True):
        assert sorted(numbers[numbers > 0] - 1) == np.flatnonzero(matrix[row]).tolist()


def test_items_of_any_named_category_are_found() -> None:
    matrix = CATEGORIES.matrix()[1:]
    names = [["War", "", ""], ["Noir", "Opera", "War"], ["Opera", "", "drama"], ["Western", "Western", "Drama"]]
    found = ItemCategories(CATEGORIES).items_in(tf.constant(names))
    for own, columns in zip(found.numpy(), ([2], [1, 2], [], [0, 3]), strict=True):
        np.testing.assert_array_equal(own, matrix[:, columns].any(axis=1))
    assert not ItemCategories(CATEGORIES).items_in(tf.zeros([2, 0], tf.string)).numpy().any()

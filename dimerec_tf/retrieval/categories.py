"""Which items have which categories, where they are searched."""

import itertools

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.data.items import Categories
from dimerec_tf.retrieval.exact import marked


class ItemCategories(tf.Module):
    """The categories of a catalogue in the graph, in core TensorFlow ops.

    Kept as the list of each item and of each category, not as a matrix: a million items of two categories each take
    24 MB, however many categories there are.

    Args:
        categories: of the catalogue's rows.

    Attributes:
        count: how many categories there are.
        names: string `[count + 1]`, by number; '' for 0, which is none.
    """

    def __init__(self, categories: Categories) -> None:
        super().__init__(name="item_categories")
        self.count = len(categories.names)
        self.names = tf.constant(["", *categories.names])
        self.num_items = len(categories.of_rows) - 1
        numbers = tf.lookup.KeyValueTensorInitializer(categories.names, tf.range(1, self.count + 1))
        self.table = tf.lookup.StaticHashTable(numbers, default_value=0)
        lengths = [len(own) for own in categories.of_rows]
        flat = np.fromiter(itertools.chain.from_iterable(categories.of_rows), np.int32) + 1
        self.of_row = _Lists(flat, np.array(lengths))
        by_category = np.repeat(np.arange(len(lengths)), lengths)[np.argsort(flat, kind="stable")]
        self.rows_of = _Lists(by_category, np.bincount(flat, minlength=self.count + 1))

    def of(self, rows: tf.Tensor) -> tf.Tensor:
        """The categories of rows `[batch, count]`: numbers from 1, int32 `[batch, count, most]`, 0 after the end."""
        return self.of_row.at(rows).to_tensor()

    def items_in(self, names: tf.Tensor) -> tf.Tensor:
        """Which items have a category that is named: string `[batch, any]` to bool `[batch, num_items]`.

        Column j is for row j + 1; '' and unknown names name none.
        """
        rows = self.rows_of.at(self.table.lookup(names)).merge_dims(1, 2)
        return marked(tf.cast(rows.to_tensor(), tf.int64), self.num_items)


class _Lists(tf.Module):
    """Lists of integers, `flat` one after the other; in variables, as a graph holds at most 2 GB."""

    def __init__(self, flat: NDArray[np.integer], lengths: NDArray[np.integer]) -> None:
        super().__init__(name="lists")
        self.flat = tf.Variable(flat, trainable=False, dtype=tf.int32, name="flat")
        self.splits = tf.Variable(np.cumsum([0, *lengths]), trainable=False, dtype=tf.int64, name="splits")

    def at(self, places: tf.Tensor) -> tf.RaggedTensor:
        """Those at places `[batch, count]`: int32 `[batch, count, (length)]`."""
        flat, splits = tf.convert_to_tensor(self.flat), tf.convert_to_tensor(self.splits)
        return tf.gather(tf.RaggedTensor.from_row_splits(flat, splits, validate=False), places)

"""Which items have which categories, where they are searched."""

import itertools

import numpy as np
import tensorflow as tf

from dimerec_tf.data.items import Categories


class ItemCategories(tf.Module):
    """The categories of a catalogue in the graph, in core TensorFlow ops.

    Kept as a list for each item, not as a matrix: a million items of two categories each take 16 MB, however many
    categories there are.

    Args:
        categories: of the catalogue's rows.

    Attributes:
        count: how many categories there are.
    """

    def __init__(self, categories: Categories) -> None:
        super().__init__(name="item_categories")
        self.count = len(categories.names)
        numbers = tf.lookup.KeyValueTensorInitializer(categories.names, tf.range(1, self.count + 1))
        self.table = tf.lookup.StaticHashTable(numbers, default_value=0)
        flat = np.fromiter(itertools.chain.from_iterable(categories.of_rows), np.int32) + 1
        splits = np.cumsum([0, *map(len, categories.of_rows)])
        self.flat_numbers = tf.Variable(flat, trainable=False, dtype=tf.int32, name="category_numbers")
        self.splits = tf.Variable(splits, trainable=False, dtype=tf.int64, name="category_splits")

    def of(self, rows: tf.Tensor) -> tf.Tensor:
        """The categories of rows `[batch, count]`: numbers from 1, int32 `[batch, count, most]`, 0 after the end."""
        return tf.gather(self._lists(), rows).to_tensor()

    def items_in(self, names: tf.Tensor) -> tf.Tensor:
        """Which items have a category that is named: string `[batch, any]` to bool `[batch, num_items]`.

        Column j is for row j + 1; '' and unknown names name none.
        """
        named = tf.one_hot(self.table.lookup(names), self.count + 1, on_value=True, off_value=False, dtype=tf.bool)
        named = tf.transpose(tf.reduce_any(named, axis=1))
        has_named = tf.ragged.map_flat_values(lambda numbers: tf.gather(named, numbers), self._lists())
        return tf.transpose(tf.reduce_any(has_named, axis=1)[1:])

    def _lists(self) -> tf.RaggedTensor:
        """By row, `[num_items + 1, (categories)]`."""
        flat, splits = tf.convert_to_tensor(self.flat_numbers), tf.convert_to_tensor(self.splits)
        return tf.RaggedTensor.from_row_splits(flat, splits, validate=False)

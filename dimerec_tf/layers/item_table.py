"""The item table E: one trainable vector per item row."""

from typing import Any

import tensorflow as tf


class ItemTable(tf.keras.layers.Layer):
    """Looks item rows up; row 0 is padding and rows 1..num_items are the catalogue, most frequent first.

    Call arguments:
        rows: integers `[...]` in 0..num_items.

    Returns:
        `[..., dim]`; padding gives zeros.

    Attributes:
        sparse_gradients: whether a lookup's gradient names the rows it read (`tf.IndexedSlices`) instead of filling a
            table. Dense reads of the table are then copies of it.
    """

    def __init__(self, num_items: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_items = num_items
        self.dim = dim
        self.sparse_gradients = False

    def build(self, input_shape: Any) -> None:
        self.table = self.add_weight(
            "table",
            [self.num_items + 1, self.dim],
            initializer=tf.keras.initializers.RandomNormal(stddev=self.dim**-0.5),
        )
        super().build(input_shape)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        if self.sparse_gradients:
            vectors = tf.nn.embedding_lookup(self.table, rows)  # also where servers hold parts of it
        else:
            vectors = tf.gather(tf.convert_to_tensor(self.table), rows)
        return vectors * tf.cast(rows > 0, vectors.dtype)[..., tf.newaxis]

    def catalogue(self) -> tf.Tensor:
        """All item vectors, `[num_items, dim]`, in row order without the padding row."""
        return tf.convert_to_tensor(self.table)[1:]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_items": self.num_items, "dim": self.dim}

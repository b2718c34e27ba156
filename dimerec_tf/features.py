"""From item ids to rows and back: the one encoding that training, evaluation and serving share."""

from pathlib import Path

import tensorflow as tf

HISTORY = "history_item_ids"
TARGET = "target_item_id"
PERIOD = "target_period"  # of the test split only


def row_table(vocabulary_file: tf.Tensor | str) -> tf.lookup.StaticHashTable:
    """Maps ids to line numbers of the vocabulary file, -1 for unknown ones."""
    initializer = tf.lookup.TextFileInitializer(
        vocabulary_file,
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(initializer, default_value=-1)


def known_rows(ids: tf.Tensor | tf.RaggedTensor, table: tf.lookup.StaticHashTable) -> tf.RaggedTensor:
    """Encodes item ids, `[batch, length]` dense or ragged, oldest first.

    Returns:
        Ragged int64 `[batch, (known)]` rows 1..num_items; unknown ids and '' (padding) are dropped.
    """
    if isinstance(ids, tf.RaggedTensor):
        rows = tf.ragged.map_flat_values(lambda values: table.lookup(values) + 1, ids)
    else:
        rows = tf.RaggedTensor.from_tensor(table.lookup(ids) + 1)
    return tf.ragged.boolean_mask(rows, rows > 0)


def read_vocabulary(file: str | Path) -> list[str]:
    """The ids in a text file, one per line, the most frequent first; line n is item row n (from 1).

    Raises:
        ValueError: an id is empty or appears twice, or there is none.
    """
    text = Path(file).read_text(encoding="utf-8")
    ids = text.removesuffix("\n").split("\n") if text else []  # `splitlines` knows more line breaks than the table
    if len(set(ids)) != len(ids) or "" in ids:
        raise ValueError(f"The vocabulary {file} has {len(ids) - len(set(ids))} repeated or empty ids of {len(ids)}.")
    if not ids:
        raise ValueError(f"The vocabulary {file} is empty: no item reached data.min_item_count.")
    return ids


class ItemVocabulary(tf.Module):
    """The catalogue in a file, see `read_vocabulary`."""

    def __init__(self, file: str | Path) -> None:
        super().__init__()
        ids = read_vocabulary(file)
        self.num_items = len(ids)
        self.asset = tf.saved_model.Asset(str(file))
        self.table = row_table(self.asset)
        # A variable, not a constant: a graph holds at most 2 GB, a checkpoint any number of ids.
        self.ids = tf.Variable(["", *ids], trainable=False, dtype=tf.string, name="item_ids")

    def encode(self, ids: tf.Tensor) -> tf.Tensor:
        """Ids `[batch, length]` to left-aligned int64 rows `[batch, longest known]`, zeros after the end."""
        rows = self.table.lookup(ids) + 1
        known = tf.cast(rows > 0, tf.int32)
        longest = tf.maximum(tf.reduce_max(tf.reduce_sum(known, axis=1)), 0)  # which of no rows is below 0
        order = tf.math.top_k(known, longest).indices  # of equals the first is first
        return tf.gather(rows, order, batch_dims=1)

    def decode(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows `[...]` to ids `[...]`; row 0 gives ''."""
        return tf.gather(tf.convert_to_tensor(self.ids), rows)

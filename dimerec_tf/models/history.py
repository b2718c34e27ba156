"""Views of histories: item rows `[batch, length]`, oldest first, left-aligned, zeros after the end."""

import tensorflow as tf


def keep_last(history: tf.Tensor, count: int) -> tf.Tensor:
    """The last `count` events of each left-aligned, zero-padded `[batch, length]` history, left-aligned again."""
    lengths = tf.math.count_nonzero(history, axis=1, dtype=tf.int64)
    start = tf.maximum(lengths - count, 0)
    width = tf.minimum(tf.shape(history, tf.int64)[1], count)
    positions = start[:, tf.newaxis] + tf.range(width)[tf.newaxis]
    rows = tf.gather(history, tf.minimum(positions, tf.shape(history, tf.int64)[1] - 1), batch_dims=1)
    return tf.where(positions < lengths[:, tf.newaxis], rows, tf.zeros_like(rows))


def recent_events(history: tf.Tensor, count: int) -> tf.Tensor:
    """`keep_last` in at least one column: a request may hold no known item at all."""
    return keep_last(tf.pad(history, [[0, 0], [0, 1]]), count)


def reversed_events(history: tf.Tensor, count: int) -> tf.Tensor:
    """The last `count` events, newest first: `[batch, min(length, count)]`, zeros after a history's beginning."""
    lengths = tf.math.count_nonzero(history, axis=1, dtype=tf.int32)
    return tf.reverse_sequence(history, lengths, seq_axis=1)[:, :count]

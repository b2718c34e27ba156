"""What layers share that read histories: views of every prefix of a history at once.

Histories are left-aligned, so prefix p of a row is its events 0..p.
"""

import tensorflow as tf


def visible_events(mask: tf.Tensor) -> tf.Tensor:
    """Which events each prefix has seen: bool `[batch, length]` to bool `[batch, prefix, length]`."""
    length = tf.shape(mask)[1]
    causal = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
    return causal[tf.newaxis] & mask[:, tf.newaxis, :]


def masked_softmax(logits: tf.Tensor, mask: tf.Tensor, axis: int) -> tf.Tensor:
    """Softmax over the true entries only; all false gives all zeros."""
    lowest = tf.constant(logits.dtype.min / 2, logits.dtype)
    weights = tf.nn.softmax(tf.where(mask, logits, lowest), axis=axis)
    return weights * tf.cast(mask, weights.dtype)


def whole_history(prefixes: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Picks each row's longest prefix: `[batch, length, ...]` to `[batch, ...]`; zeros for an empty history."""
    lengths = tf.math.count_nonzero(mask, axis=1, dtype=tf.int32)
    chosen = tf.gather(prefixes, tf.maximum(lengths - 1, 0), axis=1, batch_dims=1)
    present = tf.reshape(lengths > 0, tf.concat([[-1], tf.ones([tf.rank(chosen) - 1], tf.int32)], axis=0))
    return tf.where(present, chosen, tf.zeros_like(chosen))

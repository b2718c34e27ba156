"""Softmax-weighted means over every prefix of a history, in time linear in its length."""

import tensorflow as tf

from dimerec_tf.layers.prefixes import masked_softmax

BLOCK = 16


def prefix_means(logits: tf.Tensor, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The means of values under softmaxes over the events of each prefix.

    Running sums of exp(logit) and exp(logit) value would overflow, or vanish where a history's first logits are low.
    Here a history is cut into blocks of 16 events, and a prefix is a softmax over the events of its last block and one
    more entry, which stands for all blocks before: their mean, with the log of their sum of exponentials for a logit.
    Every softmax takes off its own largest logit, so this is as exact as prefix by prefix. Of n events it weighs 16 n,
    and (n / 16)^2 blocks, which is less up to histories of 4,096.

    Args:
        logits: `[batch, length, interests]`; of lower precision than float32, they are weighed in that.
        values: `[batch, length, dim]`.
        mask: bool `[batch, length]`, which events are there.

    Returns:
        `[batch, length, interests, dim]`, entry p for events 0..p; zeros for a prefix without any event.
    """
    batch, length = tf.shape(mask)[0], tf.shape(mask)[1]
    interests, dim = logits.shape[-1], values.shape[-1]
    blocks = -(-length // BLOCK)
    rest = [0, blocks * BLOCK - length]
    if logits.dtype.size < tf.float32.size:
        logits = tf.cast(logits, tf.float32)
    logits = tf.reshape(tf.pad(logits, [[0, 0], rest, [0, 0]]), [batch, blocks, BLOCK, interests])
    logits = tf.transpose(logits, [0, 1, 3, 2])
    values = tf.reshape(tf.pad(values, [[0, 0], rest, [0, 0]]), [batch, blocks, BLOCK, dim])
    mask = tf.reshape(tf.pad(mask, [[0, 0], rest]), [batch, blocks, 1, BLOCK])

    past, past_logits, has_past = _blocks_before(logits, values, mask)
    each = [batch, blocks, interests, BLOCK]
    causal = tf.linalg.band_part(tf.ones([BLOCK, BLOCK], tf.bool), -1, 0)
    visible = tf.concat(
        [causal & mask[..., tf.newaxis, :], tf.broadcast_to(has_past, [batch, blocks, 1, BLOCK, 1])], axis=4
    )
    entries = tf.concat(
        [tf.broadcast_to(logits[..., tf.newaxis, :], [*each, BLOCK]), tf.broadcast_to(past_logits, [*each, 1])], axis=4
    )
    weights = tf.cast(masked_softmax(entries, visible, axis=4), values.dtype)
    own = tf.matmul(tf.reshape(weights[..., :-1], [batch, blocks, interests * BLOCK, BLOCK]), values)
    means = tf.reshape(own, [*each, dim]) + weights[..., -1:] * past
    return tf.reshape(tf.transpose(means, [0, 1, 3, 2, 4]), [batch, blocks * BLOCK, interests, dim])[:, :length]


def _blocks_before(logits: tf.Tensor, values: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What each block has before it: the mean of the values, `[batch, blocks, interests, 1, dim]`, the log of the sum
    of exponentials, `[batch, blocks, interests, 1, 1]`, and whether there is any event, `[batch, blocks, 1, 1, 1]`.

    Args:
        logits: `[batch, blocks, interests, BLOCK]`.
        values: `[batch, blocks, BLOCK, dim]`.
        mask: `[batch, blocks, 1, BLOCK]`.
    """
    blocks = tf.range(tf.shape(mask)[1])
    before = (blocks[:, tf.newaxis] > blocks) & tf.reduce_any(mask, axis=3)[:, tf.newaxis, :, 0]
    before = before[:, tf.newaxis]
    of_blocks = tf.matmul(tf.cast(masked_softmax(logits, mask, axis=3), values.dtype), values)
    totals = tf.transpose(_log_sum(logits, mask), [0, 2, 1])[:, :, tf.newaxis]
    totals = tf.repeat(totals, tf.shape(blocks)[0], axis=2)
    weights = tf.cast(masked_softmax(totals, before, axis=3), values.dtype)
    means = tf.matmul(weights, tf.transpose(of_blocks, [0, 2, 1, 3]))
    return (
        tf.transpose(means, [0, 2, 1, 3])[..., tf.newaxis, :],
        tf.transpose(_log_sum(totals, before), [0, 2, 1])[..., tf.newaxis, tf.newaxis],
        tf.transpose(tf.reduce_any(before, axis=3), [0, 2, 1])[..., tf.newaxis, tf.newaxis],
    )


def _log_sum(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The log of the sum of exponentials over the last axis; very low where nothing is there."""
    return tf.reduce_logsumexp(tf.where(mask, logits, tf.constant(logits.dtype.min / 2, logits.dtype)), axis=-1)

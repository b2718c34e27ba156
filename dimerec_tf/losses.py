"""The two kinds of loss in DimeRec's total: sampled softmax and reconstruction."""

import tensorflow as tf


def sampled_softmax(
    query: tf.Tensor,
    positive: tf.Tensor,
    negatives: tf.Tensor,
    positive_rows: tf.Tensor,
    negative_rows: tf.Tensor,
    temperature: float | tf.Tensor,
    log_q: tf.Tensor | None = None,
) -> tf.Tensor:
    """-log softmax of each positive against the shared negatives; negatives that are the positive are masked.

    Args:
        query: `[samples, dim]`.
        positive: `[samples, dim]`, the target's vector.
        negatives: `[negatives, dim]`, shared by the batch.
        positive_rows: int `[samples]`.
        negative_rows: int `[negatives]`.
        temperature: inner products are divided by it.
        log_q: `[negatives]`, log of how often each one's row is expected among them; taken off its logit, so that
            frequent items are not pushed down for being drawn often. The positive is there with certainty and keeps its
            logit: the expected sum of exponentials is then that of the full softmax.

    Returns:
        `[samples]`, one loss each.
    """
    query /= temperature
    logits = tf.matmul(query, negatives, transpose_b=True)
    if log_q is not None:
        logits -= tf.cast(log_q, logits.dtype)[tf.newaxis, :]
    accidental = positive_rows[:, tf.newaxis] == negative_rows[tf.newaxis, :]
    logits = tf.where(accidental, tf.constant(logits.dtype.min / 2, logits.dtype), logits)
    positive_logit = tf.reduce_sum(query * positive, axis=-1)
    return tf.nn.softplus(tf.reduce_logsumexp(logits, axis=-1) - positive_logit)


def reconstruction(clean: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """|x0 - x0_hat|^2, summed over the last axis: `[samples, dim]` twice to `[samples]` (paper's L_recon)."""
    return tf.reduce_sum(tf.math.squared_difference(clean, estimate), axis=-1)


def weighted_mean(losses: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The mean of `[samples]` losses by `[samples]` weights; 0 if all weights are."""
    return tf.math.divide_no_nan(tf.reduce_sum(weights * losses), tf.reduce_sum(weights))

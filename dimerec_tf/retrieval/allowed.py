"""Search among the items that a request allows."""

import numpy as np
import tensorflow as tf

from dimerec_tf.retrieval.exact import Scorer, fill_up, has_events, is_blocked


def best_allowed(
    scorer: Scorer, history: tf.Tensor, users: tf.Tensor, allowed: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The best `k` of each history's allowed items, all of which are scored.

    Equal scores, and all of a history without any known item, are ordered by popularity.

    Args:
        scorer: scores them.
        history: rows `[batch, length]`.
        users: the scorer's for these histories.
        allowed: rows `[batch, any]`; zeros are ignored, and so are repetitions.
        blocked: rows `[batch, any]` that must not be returned even so; zeros are ignored.
        k: how many, a scalar.

    Returns:
        Scores float32 and rows int64, both `[batch, k]`, 0 past the last item.
    """
    rows = tf.sort(tf.pad(allowed, [[0, 0], [1, 0]]), axis=1)
    repeated = tf.pad(rows[:, 1:] == rows[:, :-1], [[0, 0], [1, 0]])
    by_popularity = 1 / tf.cast(tf.maximum(rows, 1), tf.float32)
    scores = tf.where(has_events(history), scorer.scores_of(users, rows), by_popularity)
    scores = tf.where(repeated | is_blocked(rows, blocked), -np.inf, scores)
    best, places = tf.math.top_k(scores, tf.minimum(k, tf.shape(rows)[1]))
    return fill_up(best, tf.gather(rows, places, batch_dims=1), k)

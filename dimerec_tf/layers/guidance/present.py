"""Which interests are there: a history with fewer events than interests leaves some of them all zeros."""

import tensorflow as tf


def is_present(interests: tf.Tensor) -> tf.Tensor:
    """Which of `[..., interests, dim]` interests are not all zeros: bool `[..., interests]`."""
    return tf.reduce_any(interests != 0, axis=-1)


def route_hard(interests: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Picks each sample's interest closest to its target; only the chosen one gets a gradient (ComiRec's hard routing).

    Args:
        interests: `[samples, interests, dim]`; an interest of zeros stands for none and is not picked.
        target: `[samples, dim]`.

    Returns:
        `[samples, dim]`; zeros for a sample without any interest.
    """
    return tf.gather(interests, closest_interest(interests, target), axis=1, batch_dims=1)


def closest_interest(interests: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Which interest `route_hard` picks: int64 `[samples]`; its arguments."""
    agreement = tf.einsum("skd,sd->sk", interests, target)
    lowest = tf.constant(agreement.dtype.min, agreement.dtype)
    return tf.argmax(tf.where(is_present(interests), agreement, lowest), axis=1)


def fill_absent(interests: tf.Tensor) -> tf.Tensor:
    """Puts a user's first interest in place of those that are not there, so that an item's best score is unaffected.

    Args:
        interests: `[batch, interests, dim]`.

    Returns:
        `[batch, interests, dim]`; zeros for a user without any interest.
    """
    present = is_present(interests)
    first = tf.gather(interests, tf.argmax(present, axis=1), axis=1, batch_dims=1)
    return tf.where(present[..., tf.newaxis], interests, first[:, tf.newaxis])

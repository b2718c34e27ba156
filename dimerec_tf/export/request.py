"""What a request may ask of an export, and what is refused when it is run."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Request:
    """A batch of requests.

    Attributes:
        history_ids: string `[batch, length]`, oldest first; '' is padding and unknown ids are ignored.
        k: integers `[batch]` or `[1]`, how many items.
        exclude_ids: string `[batch or 1, any]`, never returned.
        filter_seen: bool `[batch]` or `[1]`; whether the history's items are left out too.
        allow_ids: string `[batch or 1, any]`; a row with any id but '' is answered with these items alone.
        num_steps: integers `[batch]` or `[1]`, of the reverse walk; 0 for the model's own.
        seed: int32 `[batch]` or `[1]`, of the reverse walk.
        allow_categories: string `[batch or 1, any]`; a row with any name but '' is answered only with items that have
            at least one of these categories, and are in `allow_ids` if it has any of those too.
        diversity_weight: float32 `[batch]` or `[1]`, lambda of `retrieval.controllable.aggregate`; 0 for none.
    """

    history_ids: tf.Tensor
    k: tf.Tensor
    exclude_ids: tf.Tensor
    filter_seen: tf.Tensor
    allow_ids: tf.Tensor
    num_steps: tf.Tensor
    seed: tf.Tensor
    allow_categories: tf.Tensor
    diversity_weight: tf.Tensor


def bounded(values: tf.Tensor, least: int, most: int, message: str) -> tf.Tensor:
    """The values as int32; an InvalidArgumentError with the message when run, if one is out of bounds."""
    checks = [
        tf.debugging.assert_greater_equal(values, tf.constant(least, values.dtype), message=message),
        tf.debugging.assert_less_equal(values, tf.constant(most, values.dtype), message=message),
    ]
    with tf.control_dependencies(checks):
        return tf.cast(tf.identity(values), tf.int32)


def checked_weights(weights: tf.Tensor) -> tf.Tensor:
    """The diversity weights; an InvalidArgumentError when run, if one is negative or not finite."""
    message = "diversity_weight must be a finite number, 0 or more."
    are_good = tf.reduce_all(tf.math.is_finite(weights) & (weights >= 0))
    with tf.control_dependencies([tf.debugging.Assert(are_good, [message])]):
        return tf.identity(weights)


def asks_no_categories(request: Request) -> tf.Operation:
    """Fails when run, if a request asks for what needs categories."""
    message = (
        "This model was exported without categories, which allow_categories and diversity_weight need: set "
        "data.items_path to a file with them and export it again."
    )
    is_asked = tf.reduce_any(request.allow_categories != "") | tf.reduce_any(request.diversity_weight != 0)
    return tf.debugging.Assert(~is_asked, [message])

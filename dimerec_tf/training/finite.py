"""What no kept model may have: a weight that is not finite."""

import numpy as np
import tensorflow as tf

from dimerec_tf.errors import DimeRecError
from dimerec_tf.models.base import SequenceModel

ADVICE = "Lower training.learning_rate or raise model.temperature."


class TrainingDiverged(DimeRecError, FloatingPointError):
    """A training that broke."""


def require_finite_weights(model: SequenceModel) -> None:
    """Refuses a model that a step broke after its loss was computed.

    Raises:
        TrainingDiverged: a weight is not finite.
    """
    broken = [weight.name for weight in model.trainable_variables if not np.isfinite(tf.reduce_sum(weight))]
    if broken:
        raise TrainingDiverged(
            f"After training step {model.steps_trained.numpy()} some weights are not finite: {', '.join(broken)}. "
            f"{ADVICE}"
        )

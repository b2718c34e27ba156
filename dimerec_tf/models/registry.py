"""Models by the kind that a configuration names."""

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import ModelConfig
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.named_parts import MODELS, find


def build_model(config: ModelConfig, counts: NDArray[np.int64], seed: int) -> SequenceModel:
    """An untrained model.

    Args:
        config: its kind says which.
        counts: `[num_items + 1]`, how often each row is a training event.
        seed: of everything random in it.
    """
    model: SequenceModel = find(MODELS, config.kind)(config, counts, seed)
    return model

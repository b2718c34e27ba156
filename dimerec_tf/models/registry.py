"""Models by the kind that a configuration names."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.baselines.diffurec import DiffuRec
from dimerec_tf.baselines.dreamrec import DreamRec
from dimerec_tf.baselines.gru4rec import GRU4Rec
from dimerec_tf.baselines.mult_vae import MultVAE
from dimerec_tf.baselines.multi_interest import MIND, ComiRec
from dimerec_tf.baselines.sasrec import SASRec
from dimerec_tf.config import ModelConfig
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.dimerec import DimeRec

MODELS: dict[str, Callable[[Any, NDArray[np.int64], int], SequenceModel]] = {
    "dimerec": DimeRec,
    "gru4rec": GRU4Rec,
    "sasrec": SASRec,
    "comirec": ComiRec,
    "mind": MIND,
    "mult_vae": MultVAE,
    "dreamrec": DreamRec,
    "diffurec": DiffuRec,
}


def build_model(config: ModelConfig, counts: NDArray[np.int64], seed: int) -> SequenceModel:
    """An untrained model.

    Args:
        config: its kind says which.
        counts: `[num_items + 1]`, how often each row is a training event.
        seed: of everything random in it.
    """
    return MODELS[config.kind](config, counts, seed)

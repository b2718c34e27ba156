"""What is timed: training steps of a model on random windows."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dimerec_tf.config import load_preset, vary
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.training.lazy_adam import LazyAdam

DIM, HISTORY, NEGATIVES = 64, 50, 1024
ITEMS = 10_000
SEED = 0

Step = Callable[[int], object]


def dimerec(preset: str = "paper", num_items: int = ITEMS, num_negatives: int = NEGATIVES) -> DimeRec:
    """A preset's untrained model with vectors of 64 numbers and histories of 50 events."""
    sizes = {"dim": DIM, "max_history": HISTORY, "negatives.count": num_negatives}
    config = vary(load_preset(preset), sizes).model
    assert isinstance(config, DimeRecConfig)
    return DimeRec(config, uniform_counts(num_items), SEED)


def uniform_counts(num_items: int) -> np.ndarray:
    """Of a log in which every item is as frequent: `[num_items + 1]`."""
    return np.ones(num_items + 1, np.int64)


def compiled_step(model: SequenceModel, jit_compile: bool = False) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """A step of training on windows that it is given; TensorFlow traces it when it is first called."""
    model.compile(LazyAdam(1e-3))
    model.optimizer.build(model.trainable_variables)
    return tf.function(model.train_step, reduce_retracing=True, jit_compile=jit_compile or None)


def training_step(model: SequenceModel, num_windows: int, events: int, jit_compile: bool = False) -> Step:
    """A compiled step of training on windows of so many events, drawn anew for each number it is called with."""
    train = compiled_step(model, jit_compile)

    def step(number: int) -> object:
        rng = np.random.default_rng(number)
        losses = train(tf.constant(rng.integers(1, model.num_items + 1, (num_windows, events))))
        return {name: float(value) for name, value in losses.items()}

    step(SEED)
    return step

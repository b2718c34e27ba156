"""Trains a model; one that was killed or told to stop goes on from its kept state to the same result."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import config as ops  # the public module can switch determinism on, not off

from dimerec_tf.config import Config, ConfigError
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model
from dimerec_tf.stop_signals import told_to_stop
from dimerec_tf.training.checkpoint import TrainingCheckpoint
from dimerec_tf.training.curves import TrainingCurves
from dimerec_tf.training.divergence import StopWhenDiverged
from dimerec_tf.training.item_start import start_by_transitions
from dimerec_tf.training.lazy_adam import LazyAdam
from dimerec_tf.training.length import training_length
from dimerec_tf.training.parameter_servers import join_weights, split_weights, train_on_workers
from dimerec_tf.training.progress import TrainingProgress
from dimerec_tf.training.sequences import Sequences, TrainingBatches, window_bounds
from dimerec_tf.training.strategy import build_strategy, is_chief, require_alike, share_out
from dimerec_tf.training.validation import Cases, Validation
from dimerec_tf.training.worker_lost import needing_all_workers

LAZY_FROM = 100_000

Start = Callable[[SequenceModel, Sequences], None]


def fit(
    config: Config,
    sequences: Sequences,
    num_items: int,
    checkpoint_dir: Path | str | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    validation: Cases | None = None,
    log_dir: Path | str | None = None,
    start: Start | None = None,
) -> SequenceModel:
    """Trains from scratch, or from the state that an interrupted run left in `checkpoint_dir`.

    Adam's learning rate falls from the configured one to zero along a cosine. What the configuration does not say of
    the training's length comes from the log, see `training_length`. The model that is returned computes in float32
    and on this device, also after a training with `mixed_precision` or by a strategy.

    Args:
        config: the model and training sections and the seed are read, and with `training.validation` whether
            `evaluation` leaves seen items out.
        sequences: training sequences of item rows 1..num_items.
        num_items: catalogue size without padding.
        checkpoint_dir: where the state is kept, see `TrainingCheckpoint`; with one, SIGTERM ends the training after the
            running step. It belongs to one configuration, one data set and one version of the code; whoever names it
            removes it.
        callbacks: further Keras callbacks; one that is a `PythonState` is part of the kept state.
        validation: the validation split, which `training.validation` needs.
        log_dir: where TensorBoard finds the curves.
        start: sets the weights of the untrained model, see `WarmStart`; left out, `item_start` does.

    Raises:
        NothingToLearn: there is no training target.
        TrainingDiverged: the loss or a weight is not finite, or the loss exploded.
        TrainingStopped: SIGTERM came; the state is kept.
        OtherTraining: `checkpoint_dir` holds another training.
        WorkersDiffer: a worker of `multi_worker` was started with something else.
        WorkerLost: another worker ended.
        ConfigError: there is no TF_CONFIG for `training.strategy`; or `training.validation` is configured, and there
            are no cases or too few epochs for it.
    """
    counts = np.bincount(sequences.rows, minlength=num_items + 1)
    strategy = build_strategy(config.training.strategy)
    with _deterministic_ops(config.training.deterministic), needing_all_workers(strategy, checkpoint_dir):
        with _layers_compute_in("mixed_bfloat16" if config.training.mixed_precision else "float32"):
            model = _fit(config, sequences, counts, checkpoint_dir, callbacks, validation, log_dir, start)
        if not config.training.mixed_precision and config.training.strategy == "one_device":
            return model
        with _layers_compute_in("float32"):
            full = build_model(config.model, counts, config.seed)
        join_weights(model, full)
        return full


@contextmanager
def _layers_compute_in(policy: str) -> Iterator[None]:
    """Keras's policy for layers that are built within the block."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


@contextmanager
def _deterministic_ops(wanted: bool) -> Iterator[None]:
    """Op determinism for the time of the block: it holds for the whole process, and a server cannot run under it."""
    change = wanted and not ops.is_op_determinism_enabled()
    if change:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if change:
            ops.disable_op_determinism()


def _fit(
    config: Config,
    sequences: Sequences,
    counts: NDArray[np.int64],
    checkpoint_dir: Path | str | None,
    callbacks: Sequence[tf.keras.callbacks.Callback],
    cases: Cases | None,
    log_dir: Path | str | None,
    start: Start | None,
) -> SequenceModel:
    training = config.training
    strategy = build_strategy(training.strategy)
    tf.keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = build_model(config.model, counts, config.seed)
    if training.jit_compile:
        model.sampler.compiled = True
    if _items_are_lazy(config, model.num_items):
        model.items.sparse_gradients = True
    bounds = window_bounds(sequences, config.model.max_history)
    epochs, batch_size = training_length(training, bounds)
    batches = TrainingBatches(sequences, bounds, batch_size, config.seed, training.jit_compile)
    steps, num_targets = batches.steps, bounds[:, 1] - bounds[:, 0] - 1
    model.weight_per_step = float(tf.reduce_sum(model.window_weights(num_targets))) / steps
    decay = tf.keras.optimizers.schedules.CosineDecay(training.learning_rate, steps * epochs)
    with strategy.scope():
        model.compile(LazyAdam(decay), jit_compile=training.jit_compile)
        model.optimizer.build(model.trainable_variables)
    validation = _validation(config, model, epochs, cases)
    targets_per_step = float(num_targets.sum()) / steps
    with told_to_stop(*([signal.SIGTERM] if checkpoint_dir else [])) as stopping:
        checkpoint = None
        if checkpoint_dir:
            parts = [part for part in callbacks if isinstance(part, tf.train.experimental.PythonState)]
            kept = [*parts, validation.state] if validation else parts
            checkpoint = TrainingCheckpoint(model, checkpoint_dir, training.checkpoint_minutes, steps, stopping, kept)
        done = checkpoint.restore() if checkpoint else 0
        require_alike(strategy, config.fingerprint(), sequences.rows.tobytes(), sequences.splits.tobytes(), done)
        if not done:
            _set_first_weights(model, config, counts, sequences, start)
        ends = done // steps if validation is not None and validation.is_over(done // steps) else epochs
        listening = [
            StopWhenDiverged(sequences, batches, checkpoint),
            *([validation] if validation else []),
            *([TrainingProgress(epochs, steps, targets_per_step)] if is_chief(strategy) else []),
            *([TrainingCurves(log_dir, model, batches, targets_per_step)] if log_dir and is_chief(strategy) else []),
            *callbacks,
            *([checkpoint] if checkpoint else []),
        ]
        if training.strategy == "parameter_server":
            train_on_workers(strategy, model, batches, done, ends, listening)
        else:
            model.fit(
                share_out(strategy, lambda: batches.between(done, epochs * steps)),
                initial_epoch=done // steps,
                epochs=ends,
                steps_per_epoch=steps,
                verbose=0,
                callbacks=listening,
            )
    return model


def _items_are_lazy(config: Config, num_items: int) -> bool:
    training = config.training
    if training.lazy_items is not None:
        return training.lazy_items
    return config.model.kind != "mult_vae" and (num_items >= LAZY_FROM or training.strategy == "parameter_server")


def _set_first_weights(
    model: SequenceModel, config: Config, counts: NDArray[np.int64], sequences: Sequences, start: Start | None
) -> None:
    on_servers = config.training.strategy == "parameter_server"
    whole = build_model(config.model, counts, config.seed) if on_servers else model
    if start:
        start(whole, sequences)
    elif config.model.item_start == "transitions":
        whole.items.set_weights([start_by_transitions(whole.items.get_weights()[0], sequences, config.seed)])
    if on_servers:
        split_weights(whole, model)


def _validation(config: Config, model: SequenceModel, epochs: int, cases: Cases | None) -> Validation | None:
    wanted = config.training.validation
    if wanted is None:
        return None
    if not cases or not len(cases.targets):
        raise ConfigError("training.validation needs a validation split with examples, and there is none: take it out.")
    if wanted.every_epochs > epochs:
        raise ConfigError(
            f"training.validation.every_epochs is {wanted.every_epochs}, but the training has {epochs} epochs: it must "
            "not be more."
        )
    return Validation(model, wanted, cases, config.evaluation.filter_seen)

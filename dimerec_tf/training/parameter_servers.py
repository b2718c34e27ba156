"""Training with its variables on parameter servers, for an item table beyond one device."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training.sequences import TrainingBatches

MIN_SHARD_BYTES = 256 * 1024
STEPS_BETWEEN = 25


def parameter_server_strategy(
    cluster: tf.distribute.cluster_resolver.ClusterResolver,
) -> tf.distribute.ParameterServerStrategy:
    """Splits every variable of at least 512 KB over the servers, a part of its rows on each; waits for all tasks."""
    partitioner = tf.distribute.experimental.partitioners.MinSizePartitioner(
        MIN_SHARD_BYTES, max_shards=cluster.cluster_spec().num_tasks("ps")
    )
    return tf.distribute.ParameterServerStrategy(cluster, variable_partitioner=partitioner)


def serve(cluster: tf.distribute.cluster_resolver.ClusterResolver) -> tf.distribute.Server:
    """Starts this worker or parameter server, which does what the chief says until the process ends."""
    return tf.distribute.Server(
        cluster.cluster_spec(), job_name=cluster.task_type, task_index=cluster.task_id, protocol="grpc"
    )


def train_on_workers(
    strategy: tf.distribute.ParameterServerStrategy,
    model: SequenceModel,
    batches: TrainingBatches,
    done: int,
    epochs: int,
    callbacks: Sequence[tf.keras.callbacks.Callback],
) -> None:
    """Keras's `fit` with steps that whichever worker is free takes, each with a batch from the chief.

    Workers do not wait for each other: a step may have read weights that others have moved since. All steps so far
    have been taken whenever callbacks look, which is every 25 steps. A step whose worker is lost is taken again.

    Args:
        strategy: the model was built in its scope.
        model: compiled, its optimizer built.
        batches: of training windows.
        done: how many steps have been taken before.
        epochs: how many there are, with those before.
        callbacks: Keras callbacks.

    Raises:
        tf.errors.UnavailableError: a parameter server is lost.
    """
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
    def step(windows: tf.Tensor) -> dict[str, tf.Tensor]:
        return strategy.run(model.train_step, args=(windows,))

    listeners = tf.keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs, steps=batches.steps, verbose=0)
    model.stop_training = False
    listeners.on_train_begin()
    for epoch in range(done // batches.steps, epochs):
        model.reset_metrics()
        listeners.on_epoch_begin(epoch)
        first = max(done, epoch * batches.steps)
        logs: dict[str, float] = {}
        for steps in _several(batches.between(first, (epoch + 1) * batches.steps), STEPS_BETWEEN):
            taken = [coordinator.schedule(step, args=(windows,)) for windows in steps]
            coordinator.join()
            logs = {name: float(value) for name, value in taken[-1].fetch().items()}
            model.steps_trained.assign(first + len(taken))  # one that was taken again counts once
            for number in range(first, first + len(taken)):
                listeners.on_train_batch_begin(number % batches.steps)
                listeners.on_train_batch_end(number % batches.steps, logs)
            first += len(taken)
        listeners.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    listeners.on_train_end()


def _several(batches: tf.data.Dataset, count: int) -> Iterator[list[tf.Tensor]]:
    stream = iter(batches)
    while some := list(itertools.islice(stream, count)):
        yield some


def split_weights(whole: SequenceModel, parts: SequenceModel) -> None:
    """Gives a model whose variables are split over servers the weights of one whose variables are not."""
    split: list[NDArray] = []
    for value, of_one in zip(whole.get_weights(), by_whole(parts.weights, whole.weights), strict=True):
        ends = np.cumsum([part.shape[0] for part in of_one[:-1]], dtype=int)
        split += np.split(value, ends) if len(ends) else [value]
    parts.set_weights(split)


def join_weights(parts: SequenceModel, whole: SequenceModel) -> None:
    """The way back."""
    of_each = by_whole(parts.get_weights(), whole.weights)
    whole.set_weights([np.concatenate(of_one) if len(of_one) > 1 else of_one[0] for of_one in of_each])


def by_whole(parts: Sequence[Any], wholes: Sequence[tf.Variable]) -> Iterator[list[Any]]:
    """The parts of each whole: those that follow each other and have as many rows together."""
    remaining = iter(parts)
    for whole in wholes:
        found = [next(remaining)]
        while whole.shape.rank and sum(part.shape[0] for part in found) < whole.shape[0]:
            found.append(next(remaining))
        yield found

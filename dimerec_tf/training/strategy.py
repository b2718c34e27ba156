"""Which devices a training runs on, by `tf.distribute`."""

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import tensorflow as tf

from dimerec_tf.config import ConfigError, StrategyName
from dimerec_tf.errors import DimeRecError

CLUSTER_EXAMPLE = (
    '{"cluster": {"worker": ["host-0:2222", "host-1:2222"]}, "task": {"type": "worker", "index": 0}}, with the index '
    "of this machine"
)


class WorkersDiffer(DimeRecError, ValueError):
    """Workers that were not started alike."""


class TooLateToJoin(DimeRecError, RuntimeError):
    """A process in which TensorFlow has computed before it joined other workers."""


@cache
def build_strategy(name: StrategyName) -> tf.distribute.Strategy:
    """The strategy of a configuration, made once in a process.

    - `one_device`: TensorFlow's default.
    - `mirrored`: all GPUs of this machine.
    - `multi_worker`: all GPUs, or the CPU, of each worker in TF_CONFIG. It waits for all workers, and has to be made
      before TensorFlow computes anything.

    Raises:
        ConfigError: TF_CONFIG does not say which workers there are and which this is.
        TooLateToJoin: TensorFlow has computed something.
    """
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return _multi_worker()
    return tf.distribute.get_strategy()


def _multi_worker() -> tf.distribute.Strategy:
    cluster = described_cluster()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster)
    except RuntimeError as error:
        raise TooLateToJoin(
            f"This process cannot join the workers of training.strategy multi_worker any more ({error}): train by "
            "`dimerec pipeline run`, which starts one that can."
        ) from error


def described_cluster() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The workers in TF_CONFIG, and which of them this is.

    Raises:
        ConfigError: TF_CONFIG does not say it.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        known = resolver.cluster_spec().num_tasks(resolver.task_type) > resolver.task_id
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"training.strategy multi_worker needs TF_CONFIG ({error}): set it to {CLUSTER_EXAMPLE}."
        ) from error
    if not known or resolver.task_type not in ("chief", "worker"):
        raise ConfigError(
            f"TF_CONFIG has no {resolver.task_type} {resolver.task_id} that could train: set it to {CLUSTER_EXAMPLE}."
        )
    return resolver


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes: the only one, or `chief`, or without such a task worker 0."""
    return strategy.extended.should_checkpoint


def sum_of_all(strategy: tf.distribute.Strategy, value: int) -> int:
    """The sum over replicas of what their processes say; all workers have to ask at the same step."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return value * strategy.num_replicas_in_sync
    own = strategy.run(tf.constant, args=(value, tf.int64))
    return int(strategy.reduce(tf.distribute.ReduceOp.SUM, own, axis=None))


def require_alike(strategy: tf.distribute.Strategy, *what: bytes | str | int) -> None:
    """Refuses workers that would not train the same; all have to ask at the same step.

    Raises:
        WorkersDiffer: something is another one on another worker.
    """
    own = zlib.crc32(b"\n".join(part if isinstance(part, bytes) else str(part).encode() for part in what))
    if sum_of_all(strategy, own) != own * strategy.num_replicas_in_sync:
        raise WorkersDiffer(
            "The workers of this training have different configurations, training data or kept states: start all with "
            "the same configuration and log, and with one checkpoint directory that they share."
        )


def on_first_replica(function: Callable[..., Any], *args: Any) -> Any:
    """What a function that needs no other replica returns on this process's first one; there, gradients are known."""
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_local_results(strategy.run(function, args))[0]


def share_out(strategy: tf.distribute.Strategy, batches: Callable[[], tf.data.Dataset]) -> tf.data.Dataset:
    """Gives each replica its rows of every batch: replica r of n the rows r, r + n, ..., perhaps none.

    Args:
        strategy: where the replicas are.
        batches: makes the dataset of whole batches `[batch, ...]`, which every worker goes through.
    """
    if strategy.num_replicas_in_sync == 1:
        return batches()

    def shares(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = context.num_replicas_in_sync
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here
        own = tf.data.Dataset.range(first, first + here)
        shared = batches().flat_map(lambda batch: own.map(lambda replica: batch[replica::replicas]))
        return shared.repeat()  # workers need not agree at every step that it has not ended

    return strategy.distribute_datasets_from_function(shares)

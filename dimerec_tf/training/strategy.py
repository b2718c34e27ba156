"""Which devices a training runs on, by `tf.distribute`."""

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import tensorflow as tf

from dimerec_tf.config import ConfigError
from dimerec_tf.config_training import StrategyName
from dimerec_tf.environment import forget_cluster
from dimerec_tf.errors import DimeRecError
from dimerec_tf.training.parameter_servers import parameter_server_strategy

EXAMPLES: dict[str, str] = {
    "multi_worker": '{"cluster": {"worker": ["host-0:2222", "host-1:2222"]}, "task": {"type": "worker", "index": 0}}',
    "parameter_server": (
        '{"cluster": {"chief": ["host-0:2222"], "worker": ["host-1:2222"], "ps": ["host-2:2222"]}, '
        '"task": {"type": "chief", "index": 0}}'
    ),
}
TASKS = {"multi_worker": ("chief", "worker"), "parameter_server": ("chief", "worker", "ps")}


class WorkersDiffer(DimeRecError, ValueError):
    """Workers that were not started alike."""


class TooLateToJoin(DimeRecError, RuntimeError):
    """A process in which TensorFlow has computed before it joined other workers."""


@cache
def build_strategy(name: StrategyName) -> tf.distribute.Strategy:
    """The strategy of a configuration, made once in a process.

    - `one_device`: TensorFlow's default; a TF_CONFIG that is left over from another training is dropped.
    - `mirrored`: all GPUs of this machine; the same.
    - `multi_worker`: all GPUs, or the CPU, of each worker in TF_CONFIG. It waits for all workers, and has to be made
      before TensorFlow computes anything.
    - `parameter_server`: variables on the servers in TF_CONFIG, steps on its workers; this is the chief.

    Raises:
        ConfigError: TF_CONFIG does not say which workers there are and which this is.
        TooLateToJoin: TensorFlow has computed something.
    """
    if name == "multi_worker":
        return _multi_worker()
    if name == "parameter_server":
        return parameter_server_strategy(described_cluster(name))
    forget_cluster()
    return tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy()


def _multi_worker() -> tf.distribute.Strategy:
    cluster = described_cluster("multi_worker")
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster)
    except RuntimeError as error:
        raise TooLateToJoin(
            f"This process cannot join the workers of training.strategy multi_worker any more ({error}): train by "
            "`dimerec pipeline run`, which starts one that can."
        ) from error


def described_cluster(name: StrategyName) -> tf.distribute.cluster_resolver.ClusterResolver:
    """The tasks in TF_CONFIG, and which of them this is.

    Raises:
        ConfigError: TF_CONFIG does not say it, or it says what the strategy does not know.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    example = f"set it to {EXAMPLES[name]}, with the task of this machine."
    try:
        known = resolver.cluster_spec().num_tasks(resolver.task_type) > resolver.task_id
    except (ValueError, TypeError) as error:
        raise ConfigError(f"training.strategy {name} needs TF_CONFIG ({error}): {example}") from error
    if not known or resolver.task_type not in TASKS[name]:
        raise ConfigError(f"TF_CONFIG has no {resolver.task_type} {resolver.task_id} that could train: {example}")
    return resolver


def only_serves(name: StrategyName) -> bool:
    """Whether TF_CONFIG makes this process a worker or a parameter server that does what the chief says."""
    return name == "parameter_server" and described_cluster(name).task_type != "chief"


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

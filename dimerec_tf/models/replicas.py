"""What a training step does across the replicas of a `tf.distribute` strategy."""

from typing import Any

import tensorflow as tf


class GlobalMean(tf.keras.metrics.Mean):
    """A mean of values that every replica knows alike.

    Keras's own keeps a part on each replica and adds the parts up when it is read, which takes all workers: a chief
    could not write its checkpoint alone.
    """

    def add_weight(self, name: str, **options: Any) -> tf.Variable:
        return super().add_weight(
            name,
            synchronization=tf.VariableSynchronization.ON_WRITE,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            **options,
        )


def replica_number() -> int | tf.Tensor:
    """Which replica this is, from 0; the first outside of a training step."""
    replica = tf.distribute.get_replica_context()
    return replica.replica_id_in_sync_group if replica else 0


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """A value's sum over the replicas, the same on each."""
    replica = tf.distribute.get_replica_context()
    if not replica or replica.num_replicas_in_sync == 1:
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)

"""A worker that goes while others train."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from dimerec_tf.errors import DimeRecError


class WorkerLost(DimeRecError):
    """A training that ended because another worker did."""

    exit_code = os.EX_UNAVAILABLE


@contextmanager
def needing_all_workers(strategy: tf.distribute.Strategy, checkpoint_dir: Path | str | None) -> Iterator[None]:
    """Says in a sentence that another worker is gone, where TensorFlow only knows which call to it failed.

    Raises:
        WorkerLost: a collective operation, or one of a parameter server, failed.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy | tf.distribute.ParameterServerStrategy):
            raise
        kept = tf.train.latest_checkpoint(str(checkpoint_dir)) if checkpoint_dir else None
        raise WorkerLost(
            f"Another worker of this training has ended or cannot be reached ({_cause(error.message)}). "
            + (f"The last state is {kept}. " if kept else "No state is kept yet. ")
            + "Start all workers again to go on."
        ) from error


def _cause(message: str) -> str:
    """The line of TensorFlow's message that says what broke the collective operations, else the last one."""
    named = re.search(r"Collective ops is aborted by: (.*)", message)
    return named[1] if named else message.strip().splitlines()[-1]

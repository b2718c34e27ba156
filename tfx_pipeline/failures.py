"""What people can do about a step that failed for a reason outside of it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from dimerec_tf.errors import DimeRecError

_NO_ROOM = (*map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)), "database or disk is full")


class StepFailed(DimeRecError, RuntimeError):
    """A step failed, and the message says what to do before the next run."""


def explain(error: BaseException, artifacts: Path) -> StepFailed | None:
    """Looks for a full disk in what was said, and for damaged files in what earlier steps wrote.

    Args:
        error: which ended the run.
        artifacts: directory of what the steps wrote.

    Returns:
        The sentence to raise instead, None where neither is found.
    """
    said = " ".join(str(link) for link in _chain(error))
    for reason in _NO_ROOM:
        if reason in said:
            return StepFailed(
                f"A step could not write below {artifacts.parent} ({reason}): make room and run again. Finished steps "
                "are kept, and nothing of the one that failed is used."
            )
    damaged = [str(file.parents[1]) for file in sorted(artifacts.rglob("Split-*/*.gz")) if not _is_whole(file)]
    if damaged:
        return StepFailed(
            f"What an earlier step wrote is damaged: remove {' and '.join(dict.fromkeys(damaged))} and run again, "
            "which writes it anew."
        )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _is_whole(file: Path) -> bool:
    try:
        for _ in tf.data.TFRecordDataset(str(file), compression_type="GZIP"):
            pass
    except tf.errors.OpError:
        return False
    return True

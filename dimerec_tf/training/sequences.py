"""Training sequences in memory and the windows that a training step reads."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.errors import DimeRecError

POOL = 32
WIDTHS = 4


class NothingToLearn(DimeRecError, ValueError):
    """Training sequences without a single target."""


@dataclass(frozen=True)
class Sequences:
    """Many item-row sequences, end to end: sequence i is `rows[splits[i]:splits[i + 1]]`; 4 bytes an event."""

    rows: NDArray[np.int32]
    splits: NDArray[np.int64]

    @classmethod
    def from_lists(cls, sequences: Iterable[Iterable[int]]) -> "Sequences":
        arrays = [np.asarray(list(sequence), np.int32) for sequence in sequences]
        splits = np.cumsum([0, *(len(array) for array in arrays)], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, np.int32), *arrays]), splits)

    def __len__(self) -> int:
        return len(self.splits) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        if not 0 <= index < len(self):
            raise IndexError(f"Sequence {index} of {len(self)}.")
        return self.rows[self.splits[index] : self.splits[index + 1]]


def window_bounds(sequences: Sequences, max_history: int) -> NDArray[np.int64]:
    """Cuts sequences into windows of at most `max_history + 1` events, so that each event but a sequence's first is
    the target of exactly one window.

    Windows are counted from the end and overlap by one event: the last event of one is the first one's context in the
    next.

    Returns:
        `[windows, 2]`, start and end in `sequences.rows`.
    """
    starts, ends = sequences.splits[:-1], sequences.splits[1:]
    counts = np.maximum(-(-(ends - starts - 1) // max_history), 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    nth_from_end = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    window_end = ends[owner] - nth_from_end * max_history
    window_start = np.maximum(window_end - max_history - 1, starts[owner])
    return np.stack([window_start, window_end], axis=1)


class TrainingBatches:
    """Batches of windows of like length, in an order that depends on the seed and the epoch alone.

    Windows are shuffled, sorted by length within pools of `POOL` batches so that little padding is computed, and the
    batches shuffled again. Training step n, counted from 0 over all epochs, has the same batch wherever training began.

    Args:
        sequences: what the windows are cut from.
        bounds: `[windows, 2]`, see `window_bounds`.
        batch_size: how many windows a batch has.
        seed: of the order.
        few_shapes: whether every batch has `batch_size` windows, some perhaps of zeros, and one of four widths.

    Attributes:
        steps: the number of batches in an epoch.

    Raises:
        NothingToLearn: no sequence has two events.
    """

    def __init__(
        self,
        sequences: Sequences,
        bounds: NDArray[np.int64],
        batch_size: int,
        seed: int,
        few_shapes: bool = False,
    ) -> None:
        if not len(bounds):
            raise NothingToLearn(
                f"None of the {len(sequences)} training sequences has two events: there is nothing to learn."
            )
        self.bounds, self.batch_size, self.seed = bounds, batch_size, seed
        self.steps = -(-len(bounds) // batch_size)
        self._rows = tf.constant(sequences.rows)
        lengths = bounds[:, 1] - bounds[:, 0]
        self._longest = int(lengths.max())
        self._widths_apart = -(-self._longest // WIDTHS) if few_shapes else 1
        self._rest = self.steps * batch_size - len(bounds) if few_shapes else 0
        self._pools = tf.constant(np.arange(len(bounds)) // (POOL * batch_size) * (self._longest + 1))

    def between(self, first: int, stop: int) -> tf.data.Dataset:
        """The batches of the steps `first` to `stop - 1`: int64 `[batch, length of the longest window]` rows,
        left-aligned and padded with zeros.
        """
        windows = self._bounds_between(first, stop).map(self.windows, num_parallel_calls=tf.data.AUTOTUNE)
        return windows.prefetch(tf.data.AUTOTUNE)

    def bounds_at(self, step: int) -> NDArray[np.int64]:
        """The bounds of a step's windows, `[batch, 2]`."""
        bounds = next(iter(self._bounds_between(step, step + 1))).numpy()
        return bounds[bounds[:, 1] > 0]

    def windows(self, bounds: tf.Tensor) -> tf.Tensor:
        """The windows within bounds `[batch, 2]`, as `between` gives them."""
        apart = self._widths_apart
        width = tf.minimum(-(-tf.reduce_max(bounds[:, 1] - bounds[:, 0]) // apart) * apart, self._longest)
        positions = bounds[:, :1] + tf.range(width)[tf.newaxis]
        inside = positions < bounds[:, 1:]
        return tf.cast(tf.where(inside, tf.gather(self._rows, tf.where(inside, positions, 0)), 0), tf.int64)

    def _bounds_between(self, first: int, stop: int) -> tf.data.Dataset:
        epoch, step = divmod(first, self.steps)
        epochs = tf.data.Dataset.range(epoch, -(-stop // self.steps))
        return epochs.flat_map(self._bounds_of_epoch).skip(step).take(stop - first)

    def _bounds_of_epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        seed = [tf.cast(self.seed, tf.int64), epoch]
        shuffled = tf.random.experimental.stateless_shuffle(tf.constant(self.bounds), seed=seed)
        ordered = tf.gather(shuffled, tf.argsort(self._pools + shuffled[:, 1] - shuffled[:, 0], stable=True))
        ordered = tf.pad(ordered, [[0, self._rest], [0, 0]])
        batches = tf.random.experimental.stateless_shuffle(tf.range(self.steps), seed=seed)
        first = tf.data.Dataset.from_tensor_slices(batches * self.batch_size)
        return first.map(lambda start: ordered[start : start + self.batch_size])

"""Events on disk, a piece of the users at a time: what a whole log takes in memory is its ids, once each."""

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dimerec_tf.data.log_reader import EventBatch
from dimerec_tf.data.times import Times, join_times

PIECES = 64
_CODES = np.dtype([("user", np.int32), ("item", np.int32)])


class Piece(NamedTuple):
    """All events of some users, `[n]` each in the order of the log: places in `users` and `items`, and times."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: Times


class EventSpool:
    """Takes batches of a log and gives its events back by users.

    A context manager, whose files have no name and are gone with it. `users` and `items` hold the ids, in the order
    of their first events.

    Raises:
        OSError: the disk is full.
    """

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self._open = ExitStack()
        self._chunks: list[list[tuple[int, np.dtype]]] = [[] for _ in range(PIECES)]

    def __enter__(self) -> "EventSpool":
        self._files = [self._open.enter_context(TemporaryFile()) for _ in range(PIECES)]  # noqa: SIM115 - the stack closes
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, batch: EventBatch) -> None:
        events = np.empty(len(batch.rows), _CODES)
        events["user"], events["item"] = _codes(batch.users, self.users), _codes(batch.items, self.items)
        pieces = events["user"] % PIECES
        order = np.argsort(pieces, kind="stable")
        ends = np.cumsum(np.bincount(pieces, minlength=PIECES))
        for piece, own in enumerate(np.split(order, ends[:-1])):
            if len(own):
                self._files[piece].write(events[own].tobytes())
                self._files[piece].write(batch.times[own].tobytes())
                self._chunks[piece].append((len(own), batch.times.dtype))

    def pieces(self) -> Iterator[Piece]:
        """Each user's events are in one piece."""
        for file, chunks in zip(self._files, self._chunks, strict=True):
            if not chunks:
                continue
            file.seek(0)
            codes, times = [], []
            for size, kind in chunks:
                codes.append(np.frombuffer(file.read(size * _CODES.itemsize), _CODES))
                times.append(np.frombuffer(file.read(size * kind.itemsize), kind))
            events = np.concatenate(codes)
            yield Piece(events["user"], events["item"], join_times(times))


def _codes(ids: NDArray[np.object_], known: dict[str, int]) -> NDArray[np.int32]:
    """The places of ids `[n]` in `known`, to which new ones are added."""
    places, distinct = pd.factorize(ids)
    return np.array([known.setdefault(name, len(known)) for name in distinct], np.int32)[places]

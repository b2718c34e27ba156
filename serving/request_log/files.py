"""The files of the request log: gzipped TFRecords that are complete once they bear their name."""

import itertools
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic

import tensorflow as tf

from dimerec_tf.whole_files import sync
from serving.request_log.examples import LoggedRow, NotLogged, logged_row

logger = logging.getLogger(__name__)

FILES = "requests-*.tfrecord.gz"
RETRY_SECONDS = 10.0
_ERRORS = (OSError, tf.errors.OpError)


class LogFiles:
    """Writes one file after another. For one thread.

    A file is its owner's alone. It is written under a hidden name, and renamed when it is complete and on the disk. One
    that cannot be written is given up with its rows, and the next is tried `RETRY_SECONDS` later.

    Args:
        directory: of the files; must exist.
        max_bytes: of a file's records before compression; the next record goes to the next file.
        max_seconds: between a file's first record and its completion, if `complete_if_old` is called often.
        count: is told of rows that are `written` in a complete file, or `dropped`.
    """

    def __init__(self, directory: Path, max_bytes: int, max_seconds: float, count: Callable[[str, int], None]) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._count = count
        self._writer: tf.io.TFRecordWriter | None = None
        self._name = ""
        self._opened = 0.0
        self._bytes = self._rows = 0
        self._pause_end = 0.0

    def write(self, records: Sequence[bytes]) -> None:
        """Appends records; never fails."""
        if monotonic() < self._pause_end:
            self._count("dropped", len(records))
            return
        self._rows += len(records)
        self._bytes += sum(map(len, records))
        try:
            writer = self._writer or self._open()
            for record in records:
                writer.write(record)
        except _ERRORS as error:
            self._give_up(error)
        if self._bytes >= self._max_bytes:
            self.complete()

    def complete_if_old(self) -> None:
        """Completes the file if its time has come; never fails."""
        if self._writer is not None and monotonic() - self._opened >= self._max_seconds:
            self.complete()

    def complete(self) -> None:
        """Gives the file its name, if one is open; never fails."""
        if self._writer is None:
            return
        try:
            self._writer.close()
            sync(self._partial)
            self._partial.rename(self._directory / self._name)
            sync(self._directory)
        except _ERRORS as error:
            self._give_up(error)
        else:
            self._count("written", self._rows)
            self._forget()

    @property
    def _partial(self) -> Path:
        return self._directory / f".{self._name}.partial"

    def _open(self) -> tf.io.TFRecordWriter:
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self._name = f"requests-{now}-{uuid.uuid4().hex[:12]}.tfrecord.gz"
        self._opened = monotonic()
        # Made here, for its owner alone; TensorFlow keeps what it finds.
        os.close(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._writer = tf.io.TFRecordWriter(str(self._partial), "GZIP")
        return self._writer

    def _give_up(self, error: Exception) -> None:
        logger.error("The request log lost %d rows, trying again in %g s: %s", self._rows, RETRY_SECONDS, error)
        self._count("dropped", self._rows)
        self._pause_end = monotonic() + RETRY_SECONDS
        try:
            self._partial.unlink(missing_ok=True)
        except OSError:  # the directory itself is out of reach
            logger.exception("Cannot remove %s", self._partial)
        self._forget()

    def _forget(self) -> None:
        self._writer = None
        self._bytes = self._rows = 0


class LoggedRows(Iterator[LoggedRow]):
    """The rows of all complete files of a request log, file by file in the order of their start.

    A record that is no row costs that record only, and a file that is damaged what comes behind the damage. Each is
    named in the log of the program that reads, and at the end how many there were.

    Attributes:
        bad_records: how many records were no row so far.
        damaged_files: how many files could not be read to their end so far.
    """

    def __init__(self, directory: Path) -> None:
        self.bad_records = self.damaged_files = 0
        self._directory = directory
        self._rows = self._read(sorted(directory.glob(FILES)))

    def __next__(self) -> LoggedRow:
        return next(self._rows)

    def _read(self, files: Sequence[Path]) -> Iterator[LoggedRow]:
        for file in files:
            yield from self._rows_of(file)
        if self.bad_records or self.damaged_files:
            logger.warning(
                "Of the request log in %s, %d records were no rows, and %d of %d files could not be read to their end.",
                self._directory,
                self.bad_records,
                self.damaged_files,
                len(files),
            )

    def _rows_of(self, file: Path) -> Iterator[LoggedRow]:
        records = tf.data.TFRecordDataset(str(file), compression_type="GZIP").as_numpy_iterator()
        for number in itertools.count(1):
            try:
                row = logged_row(next(records))
            except StopIteration:
                return
            except tf.errors.OpError as error:
                logger.warning("%s is damaged behind record %d: %s", file, number - 1, error.message)
                self.damaged_files += 1
                return
            except NotLogged as error:
                logger.warning("Record %d of %s is no row of a request log: %s", number, file, error)
                self.bad_records += 1
            else:
                yield row


def read_request_log(directory: str | Path) -> LoggedRows:
    """The rows of all complete files in a directory, file by file in the order of their start."""
    return LoggedRows(Path(directory))

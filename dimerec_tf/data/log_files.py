"""Which files are a log: what a directory holds is read, refused or named as left out, and nothing is passed over."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dimerec_tf.config_data import PLACEHOLDERS
from dimerec_tf.errors import DimeRecError

NOTICES = logging.getLogger("dimerec_tf.notices")  # what a person is told about a log that is read
ENDINGS = ".csv, .tsv or .inter (and then .gz, .bz2, .zst or .zip), .parquet, .tfrecord or .tfrecord.gz"
NAMED = 5  # files in a sentence; of more their number

_LOG = re.compile(r".*\.((csv|tsv|inter)(\.(gz|bz2|zst|zip))?|parquet|tfrecords?(\.gz)?)")
_RECORDS = re.compile(r".*\.tfrecords?(\.gz)?")
_SHARD = re.compile(r"-\d+-of-\d+")
_DATA = re.compile(
    r".*\.(txt|text|dat|data|tab|psv|jsonl?|ndjson|parq|pq|avro|orc|feather|arrow|ipc|xlsx?|ods|gz|gzip|bgz|bz2|zst|"
    r"zstd|zip|xz|lzma|lz4|br|sz|snappy|z|7z|rar|tar|tgz|tbz2?)|part-[^.]*|[^.]*\d"
)
_DOCUMENT = re.compile(r"(readme|licen[cs]e|notice|changelog|copying)\b.*")


class LogError(DimeRecError, ValueError):
    """A log that cannot be read at all; the message says what was found and what to change."""


class LogFiles(NamedTuple):
    """The files of a log in reading order, by name, and what else is in the directory."""

    read: list[str]
    left_out: list[str]

    def notice(self, place: str) -> str:
        """A sentence for people; `place` is what `data.path` says."""
        if self.read == [place]:
            return f"Reading {place}."
        said = f"Reading {_listed([name.rsplit('/', 1)[-1] for name in self.read])} of {place}."
        return f"{said} Left out: {_listed(self.left_out)}." if self.left_out else said


def is_log_name(name: str) -> bool:
    """Whether a file of a directory is read: by its ending, in any case, and by TensorFlow's names for shards."""
    return bool(_LOG.fullmatch(_plain(name)))


def is_records_name(name: str) -> bool:
    """Whether a file is a TFRecord by its name."""
    return bool(_RECORDS.fullmatch(_plain(name)))


def is_parquet_name(name: str) -> bool:
    return _plain(name).endswith(".parquet")


def choose_files(place: str, names: Iterable[str]) -> LogFiles:
    """Tells a directory's log files from what else is in it.

    Args:
        place: the directory, for people.
        names: of its files, and of some files of its directories, as `below/name`. What begins with a dot or an
            underscore is hidden.

    Returns:
        Names, in order.

    Raises:
        LogError: a file looks like a log and would not be read.
    """
    read: list[str] = []
    left_out: list[str] = []
    strays: list[str] = []
    for name in sorted(names):
        hidden = any(part.startswith((".", "_")) for part in name.split("/"))
        if hidden or not (is_log_name(name) or ("/" not in name and _looks_like_log(name))):
            left_out.append(name)
        else:
            (read if is_log_name(name) and "/" not in name else strays).append(name)
    if strays:
        raise LogError(
            f"The directory {place} holds what looks like a log and would not be read: {_listed(strays)}. "
            f"Of a directory the files that end in {ENDINGS} are read, and no directory in it: rename or move the rest."
        )
    return LogFiles(read, left_out)


def find_log_files(path: str) -> LogFiles:
    """The files of the log at `path`. A file given by its own name may have any ending.

    Raises:
        LogError: there is nothing at `path`, a directory without a log file or as `choose_files` refuses it, or it
            names spans.
    """
    if not path:
        raise LogError("data.path is empty: set it to a log file or a directory of log files.")
    if PLACEHOLDERS.search(path):
        raise LogError(f"data.path {path} names spans, which only a pipeline finds: name the files of one span here.")
    place = Path(path)
    try:
        if not place.is_dir():
            if place.exists():
                return LogFiles([path], [])
            raise LogError(f"There is no log at {path}: set data.path to a file or a directory of files.")
        names = list(_names_in(place))
    except (OSError, ValueError) as error:
        if isinstance(error, LogError):
            raise
        raise LogError(f"The log at {path} cannot be looked at: {error}. Check data.path.") from error
    chosen = choose_files(path, names)
    if not chosen.read:
        raise LogError(f"No log in the directory {path}: data.path needs files ending in {ENDINGS}.")
    return LogFiles([str(place / name) for name in chosen.read], chosen.left_out)


def list_log_files(path: str) -> list[str]:
    """The files of a log in reading order; see `find_log_files`."""
    return find_log_files(path).read


def _names_in(place: Path) -> Iterator[str]:
    """The files of a directory, and of each directory in it one file that could be a log's, or else the directory."""
    for entry in place.iterdir():
        if not entry.is_dir():
            yield entry.name
        elif entry.name.startswith((".", "_")):
            yield f"{entry.name}/"
        else:
            yield f"{entry.name}/{next(_logs_below(entry), '')}"


def _logs_below(place: Path) -> Iterator[str]:
    for folder, directories, files in os.walk(place):
        directories[:] = sorted(name for name in directories if not name.startswith((".", "_")))
        for name in sorted(files):
            if not name.startswith((".", "_")) and is_log_name(name):
                yield (Path(folder) / name).relative_to(place).as_posix()


def _looks_like_log(name: str) -> bool:
    plain = _plain(name)
    return bool(_DATA.fullmatch(plain) and not _DOCUMENT.fullmatch(plain))


def _plain(name: str) -> str:
    """A file's own name in small letters, without a shard's number: `a.tfrecord-00000-of-00002` is `a.tfrecord`."""
    return _SHARD.sub("", name.rsplit("/", 1)[-1].lower())


def _listed(names: Sequence[str]) -> str:
    """`1 file (a.csv)`, `9 files (a.csv, b.csv, ...)`."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names):,} file{'s' * (len(names) != 1)} ({', '.join(names[:NAMED])}{more})"

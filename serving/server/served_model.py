"""One model: finds its versions, serves the newest that loads, swaps without dropping a request."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from serving.server.errors import ModelLoadError
from serving.server.loader import SAVED_MODEL_FILE, LoadedVersion, load_version
from serving.server.metrics import counting_load

logger = logging.getLogger(__name__)

MAX_VERSION = 2**63 - 1

Fingerprint = frozenset[tuple[str, int, int]]


class State(Enum):
    """The states of a version that `GetModelStatus` reports, with TF Serving's names."""

    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionStatus:
    """Where a version stands; `error_code` is a gRPC status number, 0 for none."""

    state: State
    error_code: int = 0
    error_message: str = ""


@dataclass
class Lease:
    """A loaded version and how many requests use it."""

    number: int
    loaded: LoadedVersion
    users: int = 0
    retired: bool = False


class ServedModel:
    """Serves the newest version under `<base>/<positive integer>/` that loads.

    A version that fails to load is tried again when its files change; meanwhile the former one stays. Removing the
    newest directory goes back to the one before it; when all are gone, the one in memory stays.

    Args:
        name: of the model, for the log.
        base: directory of the versions.
    """

    def __init__(self, name: str, base: Path) -> None:
        self.name = name
        self.base = base
        self._lock = threading.Lock()
        self._current: Lease | None = None
        self._closed = False
        self._statuses: dict[int, VersionStatus] = {}
        self._failed: dict[int, Fingerprint] = {}

    def poll(self) -> None:
        """Looks at the directory once, and loads and swaps if it has to. For one thread at a time."""
        try:
            self._load_newest(complete_versions(self.base))
        except OSError as error:
            logger.warning("Cannot look for new versions of %s: %s", self.name, error)

    @contextmanager
    def lease(self, number: int | None) -> Iterator[Lease | None]:
        """Keeps a version in memory for the time of the block; None if it is not being served.

        Args:
            number: of the version, None for the newest.
        """
        with self._lock:
            lease = self._current
            if lease is not None and number not in (None, lease.number):
                lease = None
            if lease is not None:
                lease.users += 1
        try:
            yield lease
        finally:
            if lease is not None:
                self._give_back(lease)

    def statuses(self) -> dict[int, VersionStatus]:
        """Every version seen whose directory still exists or whose model is still in memory, by number."""
        with self._lock:
            return dict(sorted(self._statuses.items()))

    def close(self) -> None:
        """Stops serving; the model is freed when its last request has ended."""
        with self._lock:
            self._closed = True
        self._swap(None)

    def _load_newest(self, found: dict[int, Path]) -> None:
        self._forget_missing(found)
        for number in sorted(found, reverse=True):
            if self._current is not None and self._current.number == number:
                return
            if self._failed.get(number) != _fingerprint(found[number]) and self._load(number, found[number]):
                return

    def _load(self, number: int, path: Path) -> bool:
        logger.info("Loading version %d of %s from %s", number, self.name, path)
        fingerprint = _fingerprint(path)
        self._set_status(number, VersionStatus(State.LOADING))
        try:
            with counting_load(path):
                loaded = load_version(path)
        except ModelLoadError as error:
            logger.error("Version %d of %s is not served: %s", number, self.name, error)
            self._failed[number] = fingerprint
            self._set_status(number, VersionStatus(State.END, error.error_code, str(error)))
            return False
        self._swap(Lease(number, loaded))
        logger.info("Serving version %d of %s", number, self.name)
        return True

    def _swap(self, new: Lease | None) -> None:
        with self._lock:
            refused = new if self._closed else None
            old, self._current = self._current, None if self._closed else new
            if self._current is not None:
                self._statuses[self._current.number] = VersionStatus(State.AVAILABLE)
            if old is not None:
                old.retired = True
                self._statuses[old.number] = VersionStatus(State.UNLOADING)
            idle = [lease for lease in (old, refused) if lease is not None and lease.users == 0]
        for lease in idle:
            self._unload(lease)

    def _give_back(self, lease: Lease) -> None:
        with self._lock:
            lease.users -= 1
            last = lease.retired and lease.users == 0
        if last:
            self._unload(lease)

    def _unload(self, lease: Lease) -> None:
        lease.loaded.close()
        with self._lock:
            if self._current is None or self._current.number != lease.number:
                self._statuses[lease.number] = VersionStatus(State.END)
        logger.info("Unloaded version %d of %s", lease.number, self.name)

    def _set_status(self, number: int, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[number] = status

    def _forget_missing(self, found: dict[int, Path]) -> None:
        with self._lock:
            for number in [number for number in self._statuses if number not in found]:
                self._failed.pop(number, None)
                if self._statuses[number].state is State.END:
                    del self._statuses[number]


def complete_versions(base: Path) -> dict[int, Path]:
    """The version directories that hold a SavedModel, by number.

    Raises:
        OSError: the directory cannot be listed.
    """
    return {
        int(entry.name): entry
        for entry in base.iterdir()
        if entry.name.isascii()
        and entry.name.isdigit()
        and 0 < int(entry.name) <= MAX_VERSION
        and (entry / SAVED_MODEL_FILE).is_file()
    }


def _fingerprint(path: Path) -> Fingerprint:
    stats = [(str(file), file.stat()) for file in path.rglob("*")]
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)

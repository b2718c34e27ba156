"""One model: finds its versions, serves those of its policy that load, swaps without dropping a request."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from time import monotonic

import grpc

from dimerec_tf.export import versions
from serving.server.errors import ModelLoadError, RequestError
from serving.server.loader import LoadedVersion
from serving.server.metrics import counting_load
from serving.server.model_config import ModelSettings
from serving.server.warmup import load_warm

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class LoadRetries:
    """How often a version that did not load is tried again while its files stay as they are.

    Attributes:
        most: times, after the first.
        pause_seconds: between one and the next.
    """

    most: int = 5
    pause_seconds: float = 60.0


@dataclass(frozen=True)
class _Failure:
    files: Fingerprint
    tries: int
    at: float = field(default_factory=monotonic)


@dataclass
class Lease:
    """A loaded version and how many requests use it."""

    number: int
    loaded: LoadedVersion
    users: int = 0
    retired: bool = False


class ServedModel:
    """Serves versions under `<base>/<number>/`, see `versions.by_number`, as a policy asks.

    A version that fails to load or to warm up is tried again some times, and when its files change; meanwhile the next
    older one takes its place. Removing a directory takes its version out of service; when none that loads is left,
    those in memory stay.

    Args:
        name: of the model, for the log.
        settings: where the versions are, and which to serve under which labels.
        retries: of a version that did not load.

    Attributes:
        settings: in force now.
        changing: held by whoever prepares and commits versions, one thread at a time.
        closed: set once the model has been given up.
    """

    def __init__(self, name: str, settings: ModelSettings, retries: LoadRetries = LoadRetries()) -> None:
        self.name = name
        self.settings = settings
        self.changing = threading.RLock()
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._loaded: dict[int, Lease] = {}
        self._statuses: dict[int, VersionStatus] = {}
        self._retries = retries
        self._failed: dict[int, _Failure] = {}
        self._repeated: dict[str, str] = {}

    def poll(self) -> None:
        """Looks at the directory once, and loads and swaps if it has to."""
        with self.changing:
            try:
                self.commit(self.settings, self.prepare(self.settings))
            except OSError as error:
                logger.warning("Cannot look for new versions of %s: %s", self.name, error)

    def prepare(self, settings: ModelSettings) -> dict[int, Lease]:
        """Loads the versions that settings ask for and that load, without serving them yet.

        To be followed by `commit` or `discard`.

        Raises:
            OSError: the directory cannot be listed.
        """
        found = versions.complete(settings.base)
        self._say_repeated(settings.base)
        self._forget_missing(found)
        ready: dict[int, Lease] = {}
        for number in settings.policy.candidates(found):
            if len(ready) == settings.policy.newest:
                break
            lease = self._loaded.get(number) or self._load(number, found[number])
            if lease is not None:
                ready[number] = lease
        return ready

    def commit(self, settings: ModelSettings, ready: dict[int, Lease]) -> None:
        """Serves what was prepared, under the settings' labels, in one step; the rest ends with its last request."""
        with self._lock:
            self.settings = settings
            before = self._loaded
            wanted = {} if self.closed.is_set() else ready or before
            news = [number for number in wanted if number not in before]
            self._loaded = wanted
            self._statuses |= {number: VersionStatus(State.AVAILABLE) for number in wanted}
            retired = [lease for number, lease in {**ready, **before}.items() if number not in wanted]
            for lease in retired:
                lease.retired = True
                self._statuses[lease.number] = VersionStatus(State.UNLOADING)
            idle = [lease for lease in retired if lease.users == 0]
        for number in news:
            logger.info("Serving version %d of %s", number, self.name)
        for lease in idle:
            self._unload(lease)

    def discard(self, ready: dict[int, Lease]) -> None:
        """Frees what was prepared in vain."""
        for number, lease in ready.items():
            if number not in self._loaded:
                self._unload(lease)

    @contextmanager
    def lease(self, version: int | str | None) -> Iterator[Lease | None]:
        """Keeps a version in memory for the time of the block; None if it is not being served.

        Args:
            version: its number or label, None for the newest.

        Raises:
            RequestError: there is no such label.
        """
        with self._lock:
            number = max(self._loaded, default=0) if version is None else self._number(version)
            lease = self._loaded.get(number)
            if lease is not None:
                lease.users += 1
        try:
            yield lease
        finally:
            if lease is not None:
                self._give_back(lease)

    def number(self, version: int | str) -> int:
        """The number of a version given by number or label.

        Raises:
            RequestError: there is no such label.
        """
        with self._lock:
            return self._number(version)

    def statuses(self) -> dict[int, VersionStatus]:
        """Every version seen whose directory still exists or whose model is still in memory, by number."""
        with self._lock:
            return dict(sorted(self._statuses.items()))

    def close(self) -> None:
        """Stops serving; versions are freed when their last request has ended."""
        self.closed.set()
        self.commit(self.settings, {})

    def _number(self, version: int | str) -> int:
        if isinstance(version, int):
            return version
        if version not in self.settings.labels:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {version}")
        return self.settings.labels[version]

    def _load(self, number: int, path: Path) -> Lease | None:
        fingerprint = _fingerprint(path)
        failure = self._failed.get(number)
        tries = failure.tries if failure is not None and failure.files == fingerprint else 0
        if failure is not None and tries and not self._may_retry(failure):
            return None
        logger.info("Loading version %d of %s from %s", number, self.name, path)
        self._set_status(number, VersionStatus(State.LOADING))
        try:
            with counting_load(path):
                lease = Lease(number, load_warm(path))
                self._failed.pop(number, None)
                return lease
        except ModelLoadError as error:
            logger.error("Version %d of %s is not served: %s", number, self.name, error)
            self._failed[number] = _Failure(fingerprint, tries + 1)
            self._set_status(number, VersionStatus(State.END, error.error_code, str(error)))
            return None

    def _may_retry(self, failure: _Failure) -> bool:
        return failure.tries <= self._retries.most and monotonic() >= failure.at + self._retries.pause_seconds

    def _give_back(self, lease: Lease) -> None:
        with self._lock:
            lease.users -= 1
            last = lease.retired and lease.users == 0
        if last:  # by a thread of its own: the answer of this last request must not wait for it
            threading.Thread(target=self._unload, args=(lease,), name=f"unload-{self.name}").start()

    def _unload(self, lease: Lease) -> None:
        lease.loaded.close()
        with self._lock:
            if lease.number not in self._loaded:
                self._statuses[lease.number] = VersionStatus(State.END)
        logger.info("Unloaded version %d of %s", lease.number, self.name)

    def _set_status(self, number: int, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[number] = status

    def _say_repeated(self, base: Path) -> None:
        repeated = versions.repeated(base)
        for name, counting in repeated.items() - self._repeated.items():
            logger.warning("%s is not served: %s has the same number, and counts.", base / name, base / counting)
        self._repeated = repeated

    def _forget_missing(self, found: dict[int, Path]) -> None:
        with self._lock:
            for number in [number for number in self._statuses if number not in found]:
                self._failed.pop(number, None)
                if self._statuses[number].state is State.END:
                    del self._statuses[number]


def _fingerprint(path: Path) -> Fingerprint:
    stats = [(str(file), file.stat()) for file in path.rglob("*")]
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)

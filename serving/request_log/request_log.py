"""Chooses which answered requests are logged, and hands them to a thread that writes."""

import hashlib
import itertools
import logging
import queue
import threading
from pathlib import Path
from time import time_ns

import grpc

from serving.request_log.examples import REQUEST_ID_HEADER, examples, is_loggable, row_count
from serving.request_log.files import LogFiles
from serving.server.errors import ServerStartError
from serving.server.metrics import count_logged
from serving.server.observe import FinishedCall

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FILE_SECONDS = 300.0
MAX_QUEUED = 1000
_WAKE_SECONDS = 1.0

_Item = tuple[FinishedCall, int] | None


class RequestLog:
    """Logs a sample of the answered Predict calls that brought recommendations. It never fails nor delays a call.

    Args:
        directory: of the files; made for its owner alone if it is missing.
        sampling_rate: share of the calls that is logged, 0 to 1.

    Raises:
        ServerStartError: the directory cannot be made.
    """

    def __init__(self, directory: Path, sampling_rate: float) -> None:
        try:
            directory.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServerStartError(f"The request log cannot be written to {directory}: {error}") from error
        self._rate = sampling_rate
        self._numbers = itertools.count()
        self._queue: queue.Queue[_Item] = queue.Queue(MAX_QUEUED)
        self._files = LogFiles(directory, MAX_FILE_BYTES, MAX_FILE_SECONDS, count_logged)
        self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)
        self._thread.start()

    def record(self, call: FinishedCall) -> None:
        """Queues a call if it is to be logged; with a full queue it is dropped and counted."""
        if call.code is not grpc.StatusCode.OK or call.request is None or call.response is None:
            return
        key = call.metadata.get(REQUEST_ID_HEADER) or str(next(self._numbers))
        if not is_sampled(key, self._rate) or not is_loggable(call.request, call.response):
            return
        try:
            self._queue.put_nowait((call, time_ns() // 1000))
        except queue.Full:
            count_logged("dropped", row_count(call.request))

    def close(self) -> None:
        """Writes what is queued and completes the file."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                self._files.complete_if_old()
                continue
            if item is None:
                break
            self._write(*item)
            self._files.complete_if_old()
        self._files.complete()

    def _write(self, call: FinishedCall, time_micros: int) -> None:
        try:
            rows = examples(call.request, call.response, time_micros, call.metadata)
            records = [row.SerializeToString() for row in rows]
        except Exception:  # a model with outputs of another form must not end the log
            logger.exception("A request of model %s cannot be logged", call.model_name)
            count_logged("dropped", row_count(call.request))
        else:
            self._files.write(records)


def is_sampled(key: str, rate: float) -> bool:
    """Whether a key is in the sample; the same on every machine, and a sample holds every smaller one."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * 2**64

"""The server's memory over time."""

import threading
import time
from dataclasses import dataclass

import psutil

from serving.server_process import ServerProcess

INTERVAL_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """Resident memory at a time on the clock of `time.monotonic`, of the process with an id."""

    time: float
    pid: int
    resident_mb: float


class MemoryWatch:
    """Measures every second until it is stopped; nothing while no server runs."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._samples: list[Sample] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[Sample]:
        """Ends it; gives what was measured, in order."""
        self._stopping.set()
        self._thread.join()
        return self._samples

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            pid = self._server.pid
            try:
                resident = psutil.Process(pid).memory_info().rss
            except psutil.Error:
                continue
            self._samples.append(Sample(time.monotonic(), pid, resident / 1e6))

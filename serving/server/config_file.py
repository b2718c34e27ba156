"""A model config file that is read anew while the server runs."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from serving.server.errors import ServerStartError
from serving.server.model_config import ModelSettings, read_model_config

logger = logging.getLogger(__name__)


class ConfigFileWatch:
    """Applies a file again whenever it says something else.

    A file that cannot be applied changes nothing, is reported once and is tried again.

    Args:
        path: of the file.
        applied: what it said when the server started.
        seconds: between two looks.
        apply: is given the settings of each model, by name.
    """

    def __init__(
        self,
        path: Path,
        applied: Mapping[str, ModelSettings],
        seconds: float,
        apply: Callable[[Mapping[str, ModelSettings]], None],
    ) -> None:
        self._path = path
        self._applied = applied
        self._seconds = seconds
        self._apply = apply
        self._reported = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="config-file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops looking."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                self._look()
                self._reported = ""
            except ServerStartError as error:
                self._report(f"{self._path} is not applied, what it said before holds: {error}")
            except Exception:  # the watch must outlive whatever one look meets
                logger.exception("Looking at %s failed; trying again", self._path)

    def _look(self) -> None:
        models = read_model_config(self._path)
        if models != self._applied:
            self._apply(models)
            self._applied = models
            logger.info("%s is applied: it names %s", self._path, ", ".join(models))

    def _report(self, reason: str) -> None:
        if reason != self._reported:
            logger.warning("%s", reason)
        self._reported = reason

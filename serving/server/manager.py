"""All models of a server: watches their directories and finds the version a request asks for."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_pb2

from serving.server.errors import RequestError
from serving.server.served_model import Lease, ServedModel, State, VersionStatus

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class ModelManager:
    """Loads the newest version of each model and, once started, watches for newer ones.

    Args:
        models: base directory of each model, by name.
    """

    def __init__(self, models: Mapping[str, Path]) -> None:
        self._models = {name: ServedModel(name, base) for name, base in models.items()}
        self._stopping = threading.Event()
        self._watchers = [
            threading.Thread(target=self._watch, args=(model,), name=f"watch-{name}", daemon=True)
            for name, model in self._models.items()
        ]

    def start(self) -> None:
        """Loads what is there, then watches in the background, a thread for each model."""
        for model in self._models.values():
            model.poll()
        for watcher in self._watchers:
            watcher.start()

    def close(self) -> None:
        """Stops watching and serving; a version still in use is freed after its last request."""
        self._stopping.set()
        for model in self._models.values():
            model.close()

    @contextmanager
    def lease(self, spec: model_pb2.ModelSpec) -> Iterator[Lease]:
        """Keeps the version that a request names in memory for the time of the block.

        Raises:
            RequestError: it names none, or one that is not served; texts are TF Serving's.
        """
        model, number = self._find(spec)
        with model.lease(number) as lease:
            if lease is None:
                raise _not_found(spec)
            yield lease

    def names(self) -> list[str]:
        """The names of the models."""
        return list(self._models)

    def statuses(self, name: str) -> dict[int, VersionStatus]:
        """The versions of a model by number; empty for an unknown model."""
        model = self._models.get(name)
        return {} if model is None else model.statuses()

    def served_version(self, name: str) -> int | None:
        """The version of a model that answers now, None if there is none."""
        available = [number for number, status in self.statuses(name).items() if status.state is State.AVAILABLE]
        return max(available, default=None)

    def _find(self, spec: model_pb2.ModelSpec) -> tuple[ServedModel, int | None]:
        if not spec.name:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        if spec.WhichOneof("version_choice") == "version_label":
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}"
            )
        model = self._models.get(spec.name)
        if model is None:
            raise _not_found(spec)
        return model, spec.version.value if spec.HasField("version") else None

    def _watch(self, model: ServedModel) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                model.poll()
            except Exception:  # the watch must outlive whatever one round meets
                logger.exception("Watching %s failed; trying again", model.base)


def _not_found(spec: model_pb2.ModelSpec) -> RequestError:
    wanted = f"Specific({spec.name}, {spec.version.value})" if spec.HasField("version") else f"Latest({spec.name})"
    return RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

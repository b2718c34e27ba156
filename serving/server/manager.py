"""All models of a server: watches their directories and finds the version a request asks for."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_pb2

from serving.server.errors import RequestError
from serving.server.model_config import ModelConfigError, ModelSettings, UnavailableLabelError
from serving.server.served_model import Lease, LoadRetries, ServedModel, State, VersionStatus

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class ModelManager:
    """Loads the versions of each model that its settings ask for and, once started, watches for newer ones.

    Args:
        models: settings of each model, by name.
        labels_for_unavailable: whether a label may name a version that is not loaded.
        retries: of a version that did not load.
    """

    def __init__(
        self,
        models: Mapping[str, ModelSettings],
        labels_for_unavailable: bool = False,
        retries: LoadRetries = LoadRetries(),
    ) -> None:
        self._retries = retries
        self._models = {name: ServedModel(name, settings, retries) for name, settings in models.items()}
        self._labels_for_unavailable = labels_for_unavailable
        self._roots = {_resolved(name, settings.base) for name, settings in models.items()}
        self._listeners: list[Callable[[], None]] = []
        self._reloading = threading.Lock()
        self._watchers: list[threading.Thread] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Calls `listener` after each look at the models, from the thread that looked. Before `start`."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Loads what is there, then watches in the background, a thread for each model.

        Raises:
            ModelConfigError: a label names a version that did not load.
        """
        for model in self._models.values():
            model.poll()
            self._check_labels(model.name, model.settings, _available(model))
        self._tell_listeners()
        for model in self._models.values():
            self._start_watching(model)

    def reload(self, models: Mapping[str, ModelSettings], anywhere: bool = False) -> None:
        """Replaces the models and their settings, all together or not at all.

        Every model must have a version that loads, and every version that is asked for by number must load. While the
        new versions load, the old ones answer.

        Args:
            models: settings of each model, by name.
            anywhere: whether models may lie in any directory, as whoever runs the server may say. Else a new one must
                lie in a directory that the server was given by them, or below one.

        Raises:
            ModelConfigError: it cannot be applied; nothing has changed.
        """
        with self._reloading, ExitStack() as held:
            for model in self._models.values():
                held.enter_context(model.changing)
            prepared: list[tuple[ServedModel, ModelSettings, dict[int, Lease]]] = []
            try:
                for name, settings in models.items():
                    model = self._same_model(name, settings) or self._new_model(name, settings, anywhere)
                    ready = _prepare(model, settings)
                    prepared.append((model, settings, ready))
                    _check_loaded(model, settings, ready)
                    self._check_labels(name, settings, ready)
            except ModelConfigError:
                for model, _, ready in prepared:
                    model.discard(ready)
                raise
            for model, settings, ready in prepared:
                model.commit(settings, ready)
            self._replace([model for model, _, _ in prepared])
            if anywhere:
                self._roots |= {_resolved(name, settings.base) for name, settings in models.items()}
        self._tell_listeners()

    def close(self) -> None:
        """Stops watching and serving; a version still in use is freed after its last request."""
        with self._reloading:
            for model in self._models.values():
                model.close()

    @contextmanager
    def lease(self, spec: model_pb2.ModelSpec) -> Iterator[Lease]:
        """Keeps the version that a request names in memory for the time of the block.

        Raises:
            RequestError: it names none, or one that is not served; texts are TF Serving's.
        """
        model = self._find(spec)
        with model.lease(_choice(spec)) as lease:
            if lease is None:
                raise _not_found(spec)
            yield lease

    def version(self, spec: model_pb2.ModelSpec) -> int | None:
        """The number of the version that a spec names by number or label; None if it names none.

        Raises:
            RequestError: the model is unknown or has no such label.
        """
        choice = _choice(spec)
        return None if choice is None else self._find(spec).number(choice)

    def names(self) -> list[str]:
        """The names of the models."""
        return list(self._models)

    def statuses(self, name: str) -> dict[int, VersionStatus]:
        """The versions of a model by number; empty for an unknown model."""
        model = self._models.get(name)
        return {} if model is None else model.statuses()

    def served_version(self, name: str) -> int | None:
        """The newest version of a model that answers now, None if there is none."""
        model = self._models.get(name)
        return None if model is None else max(_available(model), default=None)

    def _find(self, spec: model_pb2.ModelSpec) -> ServedModel:
        if not spec.name:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        model = self._models.get(spec.name)
        if model is None:
            raise _not_found(spec)
        return model

    def _check_labels(self, name: str, settings: ModelSettings, loaded: Collection[int]) -> None:
        missing = [(label, number) for label, number in settings.labels.items() if number not in loaded]
        if missing and not self._labels_for_unavailable:
            label, number = missing[0]
            raise UnavailableLabelError(
                f"The label {label!r} of model {name} names version {number}, which is not loaded. Serve that version, "
                "or allow labels for unavailable models (--allow-version-labels-for-unavailable-models)."
            )

    def _same_model(self, name: str, settings: ModelSettings) -> ServedModel | None:
        model = self._models.get(name)
        return model if model is not None and model.settings.base == settings.base else None

    def _new_model(self, name: str, settings: ModelSettings, anywhere: bool) -> ServedModel:
        base = _resolved(name, settings.base)
        if not anywhere and not any(base.is_relative_to(root) for root in self._roots):
            raise ModelConfigError(
                f"The base path of model {name}, {settings.base}, lies outside of "
                f"{', '.join(sorted(map(str, self._roots)))}, where the server was started to look for models."
            )
        return ServedModel(name, settings, self._retries)

    def _replace(self, models: list[ServedModel]) -> None:
        before, self._models = self._models, {model.name: model for model in models}
        for model in before.values():
            if model not in models:
                model.close()
        self._watchers = [watcher for watcher in self._watchers if watcher.is_alive()]
        for model in models:
            if model not in before.values():
                self._start_watching(model)

    def _start_watching(self, model: ServedModel) -> None:
        watcher = threading.Thread(target=self._watch, args=(model,), name=f"watch-{model.name}", daemon=True)
        self._watchers.append(watcher)
        watcher.start()

    def _watch(self, model: ServedModel) -> None:
        while not model.closed.wait(POLL_SECONDS):
            try:
                model.poll()
                self._tell_listeners()
            except Exception:  # the watch must outlive whatever one round meets
                logger.exception("Watching %s failed; trying again", model.settings.base)

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()


def _resolved(name: str, base: Path) -> Path:
    try:
        return base.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError is a loop of links
        raise ModelConfigError(f"The base path of model {name}, {base}, leads nowhere: {error}.") from error


def _choice(spec: model_pb2.ModelSpec) -> int | str | None:
    match spec.WhichOneof("version_choice"):
        case "version":
            return spec.version.value
        case "version_label":
            return spec.version_label
        case _:
            return None


def _available(model: ServedModel) -> list[int]:
    return [number for number, status in model.statuses().items() if status.state is State.AVAILABLE]


def _prepare(model: ServedModel, settings: ModelSettings) -> dict[int, Lease]:
    try:
        return model.prepare(settings)
    except OSError as error:
        raise ModelConfigError(f"The versions of model {model.name} cannot be listed: {error}") from error


def _check_loaded(model: ServedModel, settings: ModelSettings, ready: Mapping[int, Lease]) -> None:
    for number in sorted((settings.policy.only or frozenset()) - set(ready)):
        status = model.statuses().get(number)
        reason = status.error_message if status else f"there is no such version in {settings.base}"
        raise ModelConfigError(f"Version {number} of model {model.name} cannot be served: {reason}")
    if not ready:
        raise ModelConfigError(f"Model {model.name} has no version in {settings.base} that loads.")


def _not_found(spec: model_pb2.ModelSpec) -> RequestError:
    wanted = f"Specific({spec.name}, {spec.version.value})" if spec.HasField("version") else f"Latest({spec.name})"
    return RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

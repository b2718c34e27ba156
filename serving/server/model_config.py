"""Which models and versions to serve: TF Serving's `ModelServerConfig`, checked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from tensorflow_serving.config import model_server_config_pb2

from serving.server.errors import ServerStartError
from serving.server.text_config import read_text_config

_NAME = re.compile(r"[\w-][\w.-]*")
_PLATFORM = "tensorflow"


class ModelConfigError(ServerStartError):
    """A configuration of models that cannot be applied; `code` is for who asked for it."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class UnavailableLabelError(ModelConfigError):
    """A label names a version that is not loaded."""

    code = grpc.StatusCode.FAILED_PRECONDITION


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions in a directory are served.

    Attributes:
        newest: how many of the newest that load; None for all.
        only: the versions that count at all; None for every one.
    """

    newest: int | None = 1
    only: frozenset[int] | None = None

    def candidates(self, found: Iterable[int]) -> list[int]:
        """The versions that count, newest first."""
        return sorted((number for number in found if self.only is None or number in self.only), reverse=True)


@dataclass(frozen=True)
class ModelSettings:
    """How one model is served.

    Attributes:
        base: directory of the versions.
        policy: which of them are served.
        labels: versions by a name for them, such as `stable`.
    """

    base: Path
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


def read_model_config(path: Path) -> dict[str, ModelSettings]:
    """Reads a model config file of TF Serving; the settings by model name.

    Raises:
        ServerStartError: it cannot be read or applied.
    """
    return parse_model_config(read_text_config(path, model_server_config_pb2.ModelServerConfig()))


def parse_model_config(config: model_server_config_pb2.ModelServerConfig) -> dict[str, ModelSettings]:
    """The settings of each model, by name.

    Raises:
        ModelConfigError: it names no model, one twice, or something that this server does not do.
    """
    if config.WhichOneof("config") != "model_config_list" or not config.model_config_list.config:
        raise ModelConfigError("The configuration names no model: fill model_config_list { config { ... } }.")
    models: dict[str, ModelSettings] = {}
    for model in config.model_config_list.config:
        check_name(model.name)
        if model.name in models:
            raise ModelConfigError(f"The model name {model.name!r} was given twice. Give each model a name of its own.")
        models[model.name] = _settings(model)
    return models


def check_name(name: str) -> None:
    """Raises a `ModelConfigError` unless the name is one that cannot be taken for a path."""
    if not _NAME.fullmatch(name):
        raise ModelConfigError(
            f"A model's name is made of letters, digits, '_', '-' and, but for the first place, '.': got {name!r}."
        )


def _settings(model: model_server_config_pb2.ModelConfig) -> ModelSettings:
    if not model.base_path:
        raise ModelConfigError(f"Model {model.name} has no base_path: name its directory of versions.")
    if "\0" in model.base_path:
        raise ModelConfigError(f"The base_path of model {model.name} holds a NUL, which no path has.")
    if model.model_platform not in ("", _PLATFORM):
        raise ModelConfigError(
            f"Model {model.name} has the platform {model.model_platform!r}; only {_PLATFORM!r} can be served."
        )
    if model.HasField("logging_config"):
        raise ModelConfigError(
            f"Model {model.name} has a logging_config, which this server does not read: leave it out."
        )
    for label, number in model.version_labels.items():
        if not label or number < 1:
            raise ModelConfigError(
                f"A version label needs a name and a positive version, model {model.name} has {label!r}: {number}."
            )
    return ModelSettings(Path(model.base_path), _policy(model), dict(model.version_labels))


def _policy(model: model_server_config_pb2.ModelConfig) -> VersionPolicy:
    policy = model.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return VersionPolicy(newest=None)
        case "specific":
            versions = frozenset(policy.specific.versions)
            if not versions or min(versions) < 1:
                raise ModelConfigError(
                    f"The policy `specific` of model {model.name} needs positive versions, got {sorted(versions)}."
                )
            return VersionPolicy(newest=None, only=versions)
        case _:
            return VersionPolicy(newest=policy.latest.num_versions or 1)

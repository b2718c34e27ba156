"""The server's model config: read from its file, changed for one model."""

from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.rollout.errors import RolloutError

STABLE, CANARY = "stable", "canary"


def read_model_config(path: Path, model_name: str) -> model_server_config_pb2.ModelServerConfig:
    """Reads a ModelServerConfig in text form, the file that the servers were started with.

    Raises:
        RolloutError: it cannot be read, or does not list the model.
    """
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise RolloutError(
            f"{path} cannot be read as a model config: {error}. It must be the text file that the servers were started "
            "with (--model-config-file)."
        ) from error
    names = [model.name for model in config.model_config_list.config]
    if names.count(model_name) != 1:
        raise RolloutError(
            f"{path} must list the model {model_name!r} once, it lists: {', '.join(names) or 'none'}. Name the model "
            "with --model-name."
        )
    return config


def with_versions(
    config: model_server_config_pb2.ModelServerConfig,
    model_name: str,
    versions: Sequence[int],
    stable: int,
    canary: int,
) -> model_server_config_pb2.ModelServerConfig:
    """A copy in which one model serves just these versions under these labels; its other labels are kept."""
    changed = model_server_config_pb2.ModelServerConfig()
    changed.CopyFrom(config)
    (model,) = (model for model in changed.model_config_list.config if model.name == model_name)
    model.model_version_policy.specific.versions[:] = sorted(set(versions))
    model.version_labels[STABLE] = stable
    model.version_labels[CANARY] = canary
    return changed

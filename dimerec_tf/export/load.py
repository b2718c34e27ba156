"""Reads a trained model back from its export."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dimerec_tf.config import Config, ConfigError, ModelConfig, parse_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.save import RECORD
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model

_IDS = "vocabulary/ids/.ATTRIBUTES/VARIABLE_VALUE"


class ExportUnusable(DimeRecError, ValueError):
    """A directory from which no trained model can be read."""


class Record(NamedTuple):
    """What an export says of itself: the configuration that it was made with, and all other facts by name."""

    config: Config
    facts: dict[str, Any]


class LoadedModel(NamedTuple):
    """A model as it was trained, its configuration, and the item ids of rows 1..num_items."""

    model: SequenceModel
    config: ModelConfig
    ids: list[str]


def read_record(export: Path) -> Record:
    """Reads what `save_exact` and `save_indexed` record.

    Raises:
        ExportUnusable: there is no export.
        ConfigError: it is one of another version, whose configuration this code does not know.
    """
    try:
        facts = json.loads((export / RECORD).read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportUnusable(f"{export} is no export, it has no {RECORD}: name the directory of a version.") from error
    return Record(parse_config(facts["config"]), facts)


def catalogue_file(export: Path) -> Path:
    """The vocabulary of an export, see `read_vocabulary`."""
    (file,) = (export / "assets").iterdir()
    return file


def load_model(export: Path) -> LoadedModel:
    """Builds the model that was exported, whatever the index, and reads its weights.

    Raises:
        ExportUnusable: there is no export, it holds no model, or the code has changed since.
    """
    try:
        config = read_record(export).config
        weights = str(export / "variables" / "variables")
        ids = [item.decode() for item in tf.train.load_checkpoint(weights).get_tensor(_IDS)[1:]]
        model = build_model(config.model, np.ones(len(ids) + 1, np.int64), config.seed)
        scorer = tf.train.Checkpoint(model=model)
        status = tf.train.Checkpoint(retriever=tf.train.Checkpoint(scorer=scorer)).read(weights)
        status.assert_existing_objects_matched().expect_partial()
    except ExportUnusable:
        raise
    except (ConfigError, ValueError, AssertionError) as error:
        raise ExportUnusable(
            f"{export} holds other weights than this code has for its configuration: it is a floor's, or of another "
            f"version. Train from scratch. ({error})"
        ) from error
    return LoadedModel(model, config.model, ids)

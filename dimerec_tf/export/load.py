"""Reads a trained model back from its export."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dimerec_tf.config import ConfigError, ModelConfig, parse_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.save import RECORD
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model

_IDS = "vocabulary/ids/.ATTRIBUTES/VARIABLE_VALUE"


class ExportUnusable(DimeRecError, ValueError):
    """A directory from which no trained model can be read."""


class LoadedModel(NamedTuple):
    """A model as it was trained, its configuration, and the item ids of rows 1..num_items."""

    model: SequenceModel
    config: ModelConfig
    ids: list[str]


def load_model(export: Path) -> LoadedModel:
    """Builds the model that was exported, whatever the index, and reads its weights.

    Raises:
        ExportUnusable: there is no export, it holds no model, or the code has changed since.
    """
    try:
        record = json.loads((export / RECORD).read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportUnusable(f"{export} is no export, it has no {RECORD}: name the directory of a version.") from error
    try:
        config = parse_config(record["config"])
        weights = str(export / "variables" / "variables")
        ids = [item.decode() for item in tf.train.load_checkpoint(weights).get_tensor(_IDS)[1:]]
        model = build_model(config.model, np.ones(len(ids) + 1, np.int64), config.seed)
        scorer = tf.train.Checkpoint(model=model)
        status = tf.train.Checkpoint(retriever=tf.train.Checkpoint(scorer=scorer)).read(weights)
        status.assert_existing_objects_matched().expect_partial()
    except (ConfigError, ValueError, AssertionError) as error:
        raise ExportUnusable(
            f"{export} holds other weights than this code has for its configuration: it is a floor's, or of another "
            f"version. Train from scratch. ({error})"
        ) from error
    return LoadedModel(model, config.model, ids)

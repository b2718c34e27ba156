"""Reads Transform's output: what Trainer and floors learn from, and what Trainer and Tuner validate on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public import tfxio

from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.validation import Cases
from tfx_pipeline.modules.preprocessing import VOCABULARY
from tfx_pipeline.places import here

BATCH = 4096


def vocabulary_file(fn_args: FnArgs) -> Path:
    return here(tft.TFTransformOutput(fn_args.transform_graph_path).vocabulary_file_by_name(VOCABULARY))


def num_items(fn_args: FnArgs) -> int:
    return int(tft.TFTransformOutput(fn_args.transform_graph_path).vocabulary_size_by_name(VOCABULARY))


def training_sequences(fn_args: FnArgs) -> Sequences:
    """Every user's training sequence, history and target joined, ordered by user id.

    Beam promises no order of examples; the sort makes training depend on the data alone.
    """

    def joined(batch: Any) -> tf.RaggedTensor:
        known_target = tf.RaggedTensor.from_tensor(batch["target"][:, tf.newaxis], padding=0)
        return tf.concat([batch["history"], known_target], axis=1)

    return _of_all_users(fn_args, fn_args.train_files, joined)


def validation_cases(fn_args: FnArgs) -> Cases:
    """Every user's history and target of the eval split, ordered by user id."""
    return Cases(
        histories=_of_all_users(fn_args, fn_args.eval_files, lambda batch: batch["history"]),
        targets=_of_all_users(
            fn_args, fn_args.eval_files, lambda batch: tf.RaggedTensor.from_tensor(batch["target"][:, tf.newaxis])
        ),
    )


def _of_all_users(fn_args: FnArgs, files: list[str], sequences_of: Callable[[Any], tf.RaggedTensor]) -> Sequences:
    users, rows, lengths = [], [], []
    for batch in _batches(fn_args, files):
        sequences = sequences_of(batch)
        users.append(batch["user_id"].numpy())
        rows.append(sequences.flat_values.numpy().astype(np.int32))
        lengths.append(sequences.row_lengths().numpy())
    return _sorted_by_user(np.concatenate(users), np.concatenate(rows), np.concatenate(lengths))


def _batches(fn_args: FnArgs, files: list[str]) -> Any:
    schema = tft.TFTransformOutput(fn_args.transform_graph_path).transformed_metadata.schema
    options = tfxio.TensorFlowDatasetOptions(batch_size=BATCH, num_epochs=1, shuffle=False)
    return fn_args.data_accessor.tf_dataset_factory(files, options, schema)


def _sorted_by_user(users: np.ndarray, rows: np.ndarray, lengths: np.ndarray) -> Sequences:
    order = np.argsort(users, kind="stable")
    starts = np.cumsum(lengths) - lengths
    splits = np.concatenate([[0], np.cumsum(lengths[order])]).astype(np.int64)
    positions = np.repeat(starts[order] - splits[:-1], lengths[order]) + np.arange(splits[-1])
    return Sequences(rows[positions], splits)

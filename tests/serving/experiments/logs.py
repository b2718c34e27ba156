"""Writes exposure logs as the server does."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf


def write_exposures(path: Path, exposures: Iterable[tuple[str, str, list[str]]], unit: str = "user_id") -> Path:
    """Each exposure is unit, bucket and items; an empty bucket leaves the feature out."""
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for user, bucket, items in exposures:
            features = {unit: _strings([user]), "item_ids": _strings(items)}
            if bucket:
                features["experiment_bucket"] = _strings([bucket])
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return path


def _strings(values: list[str]) -> tf.train.Feature:
    return tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[value.encode(errors="surrogateescape") for value in values])
    )

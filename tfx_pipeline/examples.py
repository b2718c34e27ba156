"""Reads the sequences that ExampleGen wrote."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from dimerec_tf.features import HISTORY, TARGET


def read_split(examples_uri: str, split: str) -> Iterator[tuple[str, list[str], str]]:
    """User id, history (oldest first) and target of every example of a split, ordered by user id."""
    files = [str(file) for file in sorted(Path(examples_uri, f"Split-{split}").glob("*"))]
    rows = []
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        history = [value.decode() for value in features[HISTORY].bytes_list.value]
        (user,), (target,) = features["user_id"].bytes_list.value, features[TARGET].bytes_list.value
        rows.append((user.decode(), history, target.decode()))
    yield from sorted(rows)

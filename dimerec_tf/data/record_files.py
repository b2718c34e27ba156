"""Reads events from TFRecord files of tf.Examples, one event each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.message import DecodeError

BATCH_RECORDS = 1 << 16
SNIFFED_RECORDS = 100
_TYPES = {"bytes_list": tf.string, "int64_list": tf.int64, "float_list": tf.float32}


def feature_types(file: str, packed: bool) -> dict[str, tf.DType]:
    """The features of the first records of a file, `packed` with gzip or not; float32 is too coarse for most times.

    Raises:
        ValueError: the file cannot be read, or a feature is of several types.
    """
    types: dict[str, tf.DType] = {}
    with _readable():
        for record in _records(file, packed).take(SNIFFED_RECORDS).as_numpy_iterator():
            for name, feature in tf.train.Example.FromString(record).features.feature.items():
                if feature.WhichOneof("kind"):
                    kind = _TYPES[feature.WhichOneof("kind")]
                    if types.setdefault(name, kind) != kind:
                        found = f"{types[name].name} in one record and {kind.name} in another"
                        raise ValueError(f"feature {name!r} is {found}, write all alike")
    return dict(sorted(types.items()))


def read_columns(file: str, packed: bool, types: Mapping[str, tf.DType]) -> Iterator[list[pa.Array]]:
    """Columns `[records]` of the features asked for, batch by batch; null where a record lacks the feature.

    Raises:
        ValueError: the file cannot be read, or a record has several values of a feature.
    """
    features = {name: tf.io.RaggedFeature(kind, row_splits_dtype=tf.int64) for name, kind in types.items()}
    with _readable():
        for records in _records(file, packed).batch(BATCH_RECORDS):
            parsed = tf.io.parse_example(records, features)
            yield [_column(name, parsed[name]) for name in types]


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (tf.errors.OpError, DecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"it is damaged or no TFRecord of tf.Examples ({reason})") from error


def _records(file: str, packed: bool) -> tf.data.TFRecordDataset:
    return tf.data.TFRecordDataset(file, compression_type="GZIP" if packed else "")


def _column(name: str, values: tf.RaggedTensor) -> pa.Array:
    lengths = values.row_lengths().numpy()
    if (lengths > 1).any():
        raise ValueError(f"feature {name!r} has {lengths.max()} values in a record, an event has one")
    places = pa.array(np.cumsum(lengths) - 1, mask=lengths == 0)
    flat = values.flat_values.numpy()
    return pa.array(flat, pa.binary() if flat.dtype == object else None).take(places)

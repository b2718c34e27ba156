"""Reads the sequences that ExampleGen wrote."""

import glob
import heapq
from collections.abc import Iterator
from hashlib import sha256

import tensorflow as tf

from dimerec_tf.features import HISTORY, TARGET

Sequence = tuple[str, list[str], str]


def read_split(examples_uri: str, split: str) -> Iterator[Sequence]:
    """User id, history (oldest first) and target of every example of a split, ordered by user id."""
    yield from sorted(_read(examples_uri, split))


def sample_sequences(examples_uri: str, split: str, number: int) -> list[Sequence]:
    """The same of so many examples (all, if there are fewer), chosen and ordered by a hash of their user ids: whatever
    their order, the same ones, and at most that many in memory.
    """

    def place(sequence: Sequence) -> bytes:
        return sha256(sequence[0].encode()).digest()

    return heapq.nsmallest(number, _read(examples_uri, split), key=place)


def _read(examples_uri: str, split: str) -> Iterator[Sequence]:
    files = sorted(tf.io.gfile.glob(glob.escape(f"{examples_uri}/Split-{split}") + "/*"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        history = [value.decode() for value in features[HISTORY].bytes_list.value]
        (user,), (target,) = features["user_id"].bytes_list.value, features[TARGET].bytes_list.value
        yield user.decode(), history, target.decode()

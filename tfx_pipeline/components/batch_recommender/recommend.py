"""What happens to a user on the way from events to recommendations."""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from dimerec_tf.export.signatures import FILTER_SEEN, K
from dimerec_tf.features import HISTORY, TARGET

METRICS = "dimerec"
RECOMMENDED, COLD_START = "users_recommended", "users_cold_start"
Sequence = list[bytes]


def read_sequence(record: bytes) -> tuple[bytes, Sequence]:
    """One of ExampleGen's examples to a user id and all its items, the target last."""
    features = tf.train.Example.FromString(record).features.feature
    (user,) = features["user_id"].bytes_list.value
    return user, [*features[HISTORY].bytes_list.value, *features[TARGET].bytes_list.value]


def longest(sequences: Iterable[Sequence]) -> Sequence:
    """Of a user's sequences, each the beginning of the next, the one that has them all."""
    return max(sequences, key=len, default=[])


class Recommend(beam.DoFn):
    """Batches of (user id, items) -> a row for each user; a worker loads the model once.

    Args:
        export: address of the exact export.
        k: how many items each user gets.
        filter_seen: whether items of the user's own history are left out.
    """

    def __init__(self, export: str, k: int, filter_seen: bool) -> None:
        self._export = export
        self._asked = {K: k, FILTER_SEEN: int(filter_seen)}
        self._shared = Shared()
        self._recommended = Metrics.counter(METRICS, RECOMMENDED)
        self._cold = Metrics.counter(METRICS, COLD_START)

    def setup(self) -> None:
        """Loads the model, unless this process has it already."""
        self._model = self._shared.acquire(lambda: tf.saved_model.load(self._export))

    def process(self, users: list[tuple[bytes, Sequence]]) -> Iterator[dict[str, Any]]:
        asked = tf.constant([self._request(items) for _, items in users])
        answer = self._model.signatures["serve_examples"](asked)
        columns = (answer[name].numpy() for name in ("item_ids", "scores", "cold_start"))
        for (user, _), ids, scores, cold in zip(users, *columns, strict=True):
            found = ids != b""
            self._recommended.inc()
            self._cold.inc(int(cold))
            yield {
                "user_id": user.decode(),
                "item_ids": [item.decode() for item in ids[found]],
                "scores": scores[found].tolist(),
                "cold_start": bool(cold),
            }

    def _request(self, items: Sequence) -> bytes:
        example = tf.train.Example()
        example.features.feature[HISTORY].bytes_list.value.extend(items)
        for name, value in self._asked.items():
            example.features.feature[name].int64_list.value.append(value)
        return example.SerializeToString()


def to_tf_example(row: dict[str, Any]) -> bytes:
    """Features `user_id` bytes[1], `item_ids` bytes[k], `scores` float[k], `cold_start` int64[1]."""
    features = {
        "user_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[row["user_id"].encode()])),
        "item_ids": tf.train.Feature(bytes_list=tf.train.BytesList(value=[item.encode() for item in row["item_ids"]])),
        "scores": tf.train.Feature(float_list=tf.train.FloatList(value=row["scores"])),
        "cold_start": tf.train.Feature(int64_list=tf.train.Int64List(value=[row["cold_start"]])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)

"""A small recommender with the signature of the real export, and requests for it."""

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

CATALOGUE = ["a", "b", "c", "d", "é", "f"]
MAX_K = 5
TOO_LARGE = f"k must lie between 1 and {MAX_K}, the limit this model was exported with."
NAME = "toy"


class Toy(tf.Module):
    """Recommends a fixed order; the first score tells which version answered."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = tf.Variable(float(version), name="version")
        rows = tf.lookup.KeyValueTensorInitializer(CATALOGUE, tf.range(len(CATALOGUE)))
        self.table = tf.lookup.StaticHashTable(rows, -1)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "history_item_ids"),
            tf.TensorSpec([None], tf.int32, "k"),
            tf.TensorSpec([None, None], tf.string, "exclude_item_ids"),
            tf.TensorSpec([None], tf.bool, "filter_seen"),
        ]
    )
    def recommend(
        self,
        history_item_ids: tf.Tensor,
        k: tf.Tensor = tf.constant([3]),
        exclude_item_ids: tf.Tensor = tf.constant([[""]]),
        filter_seen: tf.Tensor = tf.constant([False]),
    ) -> dict[str, tf.Tensor]:
        catalogue = tf.constant(CATALOGUE)
        batch = tf.shape(history_item_ids)[0]
        with tf.control_dependencies([tf.debugging.assert_less_equal(k, MAX_K, message=TOO_LARGE)]):
            k = tf.broadcast_to(k, [batch])
        seen = tf.reduce_any(history_item_ids[:, :, None] == catalogue, axis=1) & filter_seen[:, None]
        blocked = seen | tf.reduce_any(exclude_item_ids[:, :, None] == catalogue, axis=1)
        scores = self.version - tf.range(len(CATALOGUE), dtype=tf.float32) / 10
        scores = tf.where(blocked, float("-inf"), tf.broadcast_to(scores, [batch, len(CATALOGUE)]))
        values, rows = tf.math.top_k(scores, tf.reduce_max(k))
        kept = (tf.range(tf.reduce_max(k)) < k[:, None]) & (values > float("-inf"))
        return {
            "item_ids": tf.where(kept, tf.gather(catalogue, rows), ""),
            "scores": tf.where(kept, values, 0.0),
            "cold_start": ~tf.reduce_any(self.table.lookup(history_item_ids) >= 0, axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "seconds")])
    def slow(self, seconds: tf.Tensor) -> dict[str, tf.Tensor]:
        """Keeps a core busy for a while."""
        end = tf.timestamp() + tf.cast(seconds, tf.float64)
        return {"rounds": tf.while_loop(lambda _: tf.timestamp() < end, lambda i: [i + 1], [0])[0]}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "texts")])
    def echo(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"texts": tf.identity(texts)}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "texts")])
    def echo_bytes(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"texts_bytes": tf.identity(texts)}


def save_toy(base: Path, version: int) -> Path:
    """Writes a version the way a pusher does: complete under another name, then renamed."""
    module = Toy(version)
    unfinished = base / f".tmp-{version}"
    signatures = {
        "serving_default": module.recommend,
        "slow": module.slow,
        "echo": module.echo,
        "echo_bytes": module.echo_bytes,
    }
    tf.saved_model.save(module, str(unfinished), signatures)
    return unfinished.rename(base / str(version))


def request(history: list[list[str]] | None = None, **inputs: object) -> predict_pb2.PredictRequest:
    """A Predict request for the toy; keyword arguments become tensors."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = NAME
    values = inputs if history is None else {"history_item_ids": history, **inputs}
    for name, value in values.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return message


def slow_request(seconds: float) -> predict_pb2.PredictRequest:
    message = request(seconds=seconds)
    message.model_spec.signature_name = "slow"
    return message

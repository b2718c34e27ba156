"""A model that is none of our exports: numbers in, an input called `k` that means something else, a sparse one."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

HALF_PLUS_TWO = "serving_default"


class Other(tf.Module):
    """y = x / 2 + 2, and signatures that our rules must leave alone."""

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
    def half_plus_two(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * 0.5 + 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "k")])
    def text_k(self, k: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"upper": tf.strings.upper(k)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "k"), tf.TensorSpec([None, None], tf.string, "t")])
    def number_k(self, k: tf.Tensor = tf.constant([1.0]), t: tf.Tensor = tf.constant([["x"]])) -> dict[str, tf.Tensor]:
        return {"same": k + 0 * tf.cast(tf.shape(t)[0], tf.float32), "texts": t}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, "x")])
    def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"x": tf.identity(x)}


def save_other(base: Path, version: int = 1) -> Path:
    """Writes a version below `base`."""
    module = Other()
    signatures = {
        HALF_PLUS_TWO: module.half_plus_two,
        "text_k": module.text_k,
        "number_k": module.number_k,
        "double": module.double,
    }
    path = base / str(version)
    tf.saved_model.save(module, str(path), signatures)
    _add_sparse(path / "saved_model.pb")
    return path


def _add_sparse(file: Path) -> None:
    """The signature `sparse`, whose input is a sparse tensor as TensorFlow 1 exports it."""
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    signatures = model.meta_graphs[0].signature_def
    signatures["sparse"].CopyFrom(signatures["double"])
    info = signatures["sparse"].inputs["x"]
    name = info.name
    info.coo_sparse.values_tensor_name = info.coo_sparse.indices_tensor_name = name
    file.write_bytes(model.SerializeToString())

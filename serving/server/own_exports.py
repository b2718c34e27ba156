"""Tells the signatures of our own exports, for which rules of ours hold, from those of other models."""

from collections.abc import Mapping

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from dimerec_tf.features import HISTORY


def takes_histories(inputs: Mapping[str, meta_graph_pb2.TensorInfo]) -> bool:
    """Whether these are the inputs of an export: padded histories of item ids, `[batch, length]`, are among them."""
    history = inputs.get(HISTORY)
    return history is not None and history.dtype == types_pb2.DT_STRING and len(history.tensor_shape.dim) == 2

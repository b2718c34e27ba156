"""What a version answers, computed without the server."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2

TOLERANCE = 1e-4


class Oracle:
    """A SavedModel called in this process by TensorFlow's own loader.

    Args:
        path: the version's directory.
    """

    def __init__(self, path: Path) -> None:
        self._model = tf.saved_model.load(str(path))
        saved_model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        self._defaults = {
            name: {alias: tf.make_ndarray(value) for alias, value in definition.defaults.items()}
            for name, definition in saved_model.meta_graphs[0].signature_def.items()
        }

    def answer(self, request: predict_pb2.PredictRequest) -> dict[str, np.ndarray]:
        """The outputs by name.

        Raises:
            Exception: of many types, where the request does not fit the model.
        """
        name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        sent = {alias: tf.make_ndarray(proto) for alias, proto in request.inputs.items()}
        inputs = {alias: tf.constant(array) for alias, array in {**self._defaults[name], **sent}.items()}
        outputs = self._model.signatures[name](**inputs)
        wanted = request.output_filter or outputs
        return {alias: outputs[alias].numpy() for alias in wanted}

    def agrees(self, request: predict_pb2.PredictRequest, response: predict_pb2.PredictResponse) -> bool:
        """Whether a response is this version's answer: the same ids and flags, scores within a rounding."""
        try:
            expected = self.answer(request)
        except Exception:  # it has no answer, whatever TensorFlow says against it
            return False
        given = {alias: tf.make_ndarray(proto) for alias, proto in response.outputs.items()}
        return given.keys() == expected.keys() and all(_alike(given[alias], expected[alias]) for alias in given)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    if np.issubdtype(one.dtype, np.floating):
        return bool(np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE))
    return bool((one == other).all())

"""Requests that a server runs before it serves a version, so that the first caller does not pay for set-up."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from dimerec_tf.config import Config
from dimerec_tf.export.module import RecommenderModule
from dimerec_tf.export.signatures import default_inputs
from dimerec_tf.features import HISTORY

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
BATCHES = (1, 8)


def write_warmup(path: Path, module: RecommenderModule, config: Config) -> None:
    """Writes TF Serving's warm-up file of an export: one request for each of the sizes of `BATCHES`.

    Every input is sent, with a row for each history: a server need not know the signature's defaults.

    Args:
        path: the export.
        module: what it holds.
        config: what it was made with.
    """
    popular = module.vocabulary.ids[1 : config.model.max_history + 1].numpy()
    inputs = {HISTORY: popular[np.newaxis]} | {
        name: tensor.numpy() for name, tensor in default_inputs(module, config.export.default_k).items()
    }
    file = path / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for batch in BATCHES:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = config.name
            request.model_spec.signature_name = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
            for name, row in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(np.repeat(row, batch, axis=0)))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))

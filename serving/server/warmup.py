"""Loads a version and replays its recorded requests, so that the first caller does not pay for set-up."""

from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.server.errors import ModelLoadError, RequestError
from serving.server.loader import LoadedVersion, load_version

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000


def load_warm(path: Path) -> LoadedVersion:
    """Loads a version and runs the requests of its `assets.extra/tf_serving_warmup_requests`, if it has that file.

    The file is TF Serving's: a TFRecord of `PredictionLog` messages with a `predict_log`, at most 1,000.

    Raises:
        ModelLoadError: the version cannot be loaded, the file cannot be read, or a request in it fails.
    """
    loaded = load_version(path)
    try:
        if (path / WARMUP_FILE).is_file():
            _replay(loaded, path / WARMUP_FILE)
    except ModelLoadError:
        loaded.close()
        raise
    return loaded


def _replay(loaded: LoadedVersion, file: Path) -> None:
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), start=1):
            if number > MAX_RECORDS:
                raise ModelLoadError(f"{file} holds more than {MAX_RECORDS} warm-up requests: record fewer.")
            _run(loaded, _request(record, number, file), number, file)
    except tf.errors.OpError as error:
        raise ModelLoadError(f"{file} is no TFRecord file: {error.message}", error.error_code) from error


def _request(record: bytes, number: int, file: Path) -> predict_pb2.PredictRequest:
    log = prediction_log_pb2.PredictionLog()
    try:
        log.ParseFromString(record)
    except DecodeError as error:
        raise ModelLoadError(f"Record {number} of {file} is no PredictionLog.") from error
    if log.WhichOneof("log_type") != "predict_log":
        raise ModelLoadError(
            f"Warm-up request {number} of {file} must be a predict_log, got {log.WhichOneof('log_type')}.",
            grpc.StatusCode.UNIMPLEMENTED.value[0],
        )
    return log.predict_log.request


def _run(loaded: LoadedVersion, request: predict_pb2.PredictRequest, number: int, file: Path) -> None:
    name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    try:
        signature = loaded.signature(name)
        signature.compute(signature.read(request.inputs), signature.wanted(request.output_filter))
    except RequestError as error:
        raise ModelLoadError(f"Warm-up request {number} of {file} failed: {error}", error.code.value[0]) from error

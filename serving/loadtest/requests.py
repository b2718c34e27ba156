"""What a load test asks: serialised Predict requests for histories."""

from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from dimerec_tf.errors import DimeRecError
from dimerec_tf.features import HISTORY
from serving.client.access import OPEN, Access
from serving.client.recommendation import explain
from serving.loadtest.load import TIMEOUT_SECONDS

History = Sequence[str]


def read_histories(path: Path) -> list[History]:
    """Reads one history a line: item ids, oldest first, with commas.

    Raises:
        DimeRecError: the file cannot be read or holds no history.
    """
    lines = [[item.strip() for item in line.split(",") if item.strip()] for line in _lines(path)]
    histories: list[History] = [history for history in lines if history]
    if not histories:
        raise DimeRecError(f"{path} holds no history: write one a line, item ids with commas.")
    return histories


def drawn_histories(catalogue: Path, count: int, length: int, seed: int = 0) -> list[History]:
    """Draws histories from a catalogue, every item alike.

    Args:
        catalogue: one item id a line, such as an export's `assets/items.txt`.
        count: how many.
        length: ids in each.
        seed: the same one draws the same.

    Raises:
        DimeRecError: the file cannot be read or is empty.
    """
    items = [line for line in _lines(catalogue) if line]
    if not items:
        raise DimeRecError(f"{catalogue} holds no item id: write one a line.")
    drawn = np.random.default_rng(seed).integers(len(items), size=[count, length])
    return [[items[place] for place in row] for row in drawn]


def predict_requests(
    model_name: str, histories: Sequence[History], k: int, num_steps: int | None = None
) -> list[bytes]:
    """A serialised request for each history.

    Args:
        model_name: on the server.
        histories: item ids, oldest first.
        k: how many items each asks for; those of the history are left out.
        num_steps: of the reverse walk; None leaves it to the model, and sends no such input.
    """
    requests = []
    for history in histories:
        message = predict_pb2.PredictRequest()
        message.model_spec.name = model_name
        inputs = {
            HISTORY: tf.constant([history], tf.string),
            "k": tf.constant([k], tf.int32),
            "filter_seen": tf.constant([True]),
        }
        if num_steps is not None:
            inputs["num_steps"] = tf.constant([num_steps], tf.int32)
        for name, value in inputs.items():
            message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        requests.append(message.SerializeToString())
    return requests


def check_answered(address: str, request: bytes, access: Access = OPEN) -> None:
    """Sends a request once, so that a load test does not count a mistake a thousand times.

    Raises:
        RecommendError: it is not answered, or without items; the message says why.
    """
    with access.channel(address) as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        try:
            response = predict(predict_pb2.PredictRequest.FromString(request), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            command = "dimerec serve --model-base-path DIR"
            raise explain(error.code(), error.details() or "", address, TIMEOUT_SECONDS, command) from error
    if not any(response.outputs["item_ids"].string_val):
        raise DimeRecError(f"{address} answered, but recommended nothing. Does it serve an export of DimeRec?")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DimeRecError(f"{path} cannot be read: {error}") from error

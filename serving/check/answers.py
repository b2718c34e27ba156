"""Compares what a server answers with what the SavedModel gives without it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from dimerec_tf.export.load import catalogue_file, read_record
from dimerec_tf.export.signatures import FILTER_SEEN, K
from dimerec_tf.export.warmup import WARMUP_FILE
from dimerec_tf.features import HISTORY, read_vocabulary
from dimerec_tf.scann_library import scann_module
from serving.loadtest.load import TIMEOUT_SECONDS
from serving.oracle import Oracle


class Judge:
    """Says what is wrong with a server's answers.

    Args:
        export: the directory of the SavedModel that is served.
    """

    def __init__(self, export: Path) -> None:
        if read_record(export).facts["index"] == "scann":
            scann_module("scann")  # brings the ops that TensorFlow needs to load it
        self._oracle = Oracle(export)
        self._catalogue = {item.encode() for item in read_vocabulary(catalogue_file(export))}

    def count_faults(
        self,
        stub: prediction_service_pb2_grpc.PredictionServiceStub,
        requests: Iterable[predict_pb2.PredictRequest],
    ) -> Counter[str]:
        """Sends requests one by one and counts for each fault the answers that have it; see `faults`."""
        counts: Counter[str] = Counter()
        for request in requests:
            try:
                counts.update(self.faults(request, stub.Predict(request, timeout=TIMEOUT_SECONDS)))
            except grpc.RpcError as error:
                counts[f"did not come: {error.code().name}, {error.details()}"] += 1
        return counts

    def faults(self, request: predict_pb2.PredictRequest, response: predict_pb2.PredictResponse) -> set[str]:
        """What is wrong with an answer, in words that follow on "3 of 100 answers"."""
        if "item_ids" not in response.outputs:
            return {"have no item_ids"}
        given = tf.make_ndarray(response.outputs["item_ids"])
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        histories, (k, *_), (filter_seen, *_) = inputs[HISTORY], inputs[K], inputs[FILTER_SEEN]
        found = set() if self._oracle.agrees(request, response) else {"differ from the SavedModel's"}
        for ids, history in zip(given, histories, strict=True):
            found.update(self._faults_of(ids[ids != b""].tolist(), set(history) if filter_seen else set(), int(k)))
        return found

    def _faults_of(self, ids: list[bytes], unwanted: set[bytes], k: int) -> Iterator[str]:
        if len(ids) < min(k, len(self._catalogue - unwanted)):
            yield "have fewer items than asked for"
        if len(set(ids)) < len(ids):
            yield "have an item twice"
        if not self._catalogue.issuperset(ids):
            yield "have an id that is not in the catalogue"
        if not unwanted.isdisjoint(ids):
            yield "have an item of the history, which was to be left out"


def warmup_requests(export: Path, name: str) -> list[predict_pb2.PredictRequest]:
    """The warm-up requests of an export, to the model as it is named on the server."""
    requests = []
    for record in tf.data.TFRecordDataset(str(export / WARMUP_FILE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        request.model_spec.name = name
        requests.append(request)
    return requests

"""Where the time of one call goes, one caller at a time: gRPC, proto, batching, GEM, walk, search."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from dimerec_tf.environment import one_thread_per_operation
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.indexes import indexed_retriever
from dimerec_tf.measuring.timing import medians
from dimerec_tf.retrieval.exact import ModelScorer
from serving.benchmark.exports import MEASURING, TUNING, Case, Exports
from serving.benchmark.served import MODEL, K, running_echo, running_server
from serving.loadtest.load import Load, run_load
from serving.loadtest.requests import check_answered, predict_requests
from serving.server.batching import Batcher
from serving.server.batching_options import BatchingOptions
from serving.server.call import Call
from serving.server.loader import load_version
from serving.server.signature import Signature

Timed = dict[str, Callable[[int], object]]


def phase_row(exports: Exports, catalogue: int, repeats: int, seconds: float) -> dict[str, Any]:
    """Median milliseconds of the parts of a call to the IVF export with one reverse step, one caller at a time.

    To be run in a process of its own, before TensorFlow has computed in it. Keys: `predict_ms` and `echo_ms` over gRPC,
    of a real server and of one that only sends bytes; `proto_ms`, reading the request and writing the answer;
    `batching_ms`, what the batcher adds to a run; `graph_ms`, the whole graph, and of it `gem_ms`, `walk_ms`,
    `search_ms`, each run by itself.
    """
    one_thread_per_operation()  # as the server has it
    base = exports.base_path(Case(catalogue, "ivf", 1))
    requests = predict_requests(MODEL, exports.history_ids(catalogue), K)
    with running_server(base, batching=False) as address:
        check_answered(address, requests[0])
        predict = _p50(run_load(address, requests, 1, seconds))
    with running_echo(exports.directory / "echo.log") as address:
        echo = _p50(run_load(address, requests, 1, seconds))
    return {
        "catalogue": catalogue,
        "index": "ivf",
        "num_steps": 1,
        "predict_ms": predict,
        "echo_ms": echo,
        **_server_parts(base / "1", requests, repeats),
        **_graph_parts(exports, catalogue, repeats),
    }


def _p50(load: Load) -> float:
    if load.failures or not load.latencies_ms:
        raise DimeRecError(f"{len(load.latencies_ms)} calls were answered and these failed: {dict(load.failures)}.")
    return round(float(np.median(load.latencies_ms)), 4)


def _server_parts(version: Path, requests: list[bytes], repeats: int) -> dict[str, float]:
    signature = load_version(version).signature(tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY)
    aliases = signature.wanted([])
    parsed = [predict_pb2.PredictRequest.FromString(request) for request in requests]
    arrays = [signature.read(request.inputs) for request in parsed]
    answer = signature.compute(arrays[0], aliases)
    batcher = Batcher(BatchingOptions(max_batch_size=32, batch_timeout_micros=0, num_batch_threads=2))
    parts: Timed = {
        "proto_ms": lambda number: _protos(signature, requests[number % len(requests)], answer),
        "graph_ms": lambda number: signature.compute(arrays[number % len(arrays)], aliases),
        "batched_ms": lambda number: batcher.run(signature, arrays[number % len(arrays)], aliases, Call()),
    }
    times = medians(parts, repeats)
    batcher.close()
    batched = times.pop("batched_ms")
    return {**times, "batching_ms": round(batched - times["graph_ms"], 4)}


def _protos(signature: Signature, request: bytes, answer: dict[str, np.ndarray]) -> bytes:
    signature.read(predict_pb2.PredictRequest.FromString(request).inputs)
    return predict_pb2.PredictResponse(outputs=signature.write(answer)).SerializeToString()


def _graph_parts(exports: Exports, catalogue: int, repeats: int) -> dict[str, float]:
    model = exports.model(catalogue)
    scorer = ModelScorer(model)
    index = indexed_retriever("ivf", scorer, exports.config().export, exports.histories(catalogue, TUNING)).index
    gem, walk, search = (
        tf.function(part, reduce_retracing=True) for part in (model.interests, model.walk, index.candidates)
    )
    histories = [tf.constant(row[np.newaxis]) for row in exports.histories(catalogue, MEASURING)]
    guidance, query = gem(histories[0]), model.query(histories[0])[:, 0]
    return medians(
        {
            "gem_ms": lambda number: gem(histories[number % len(histories)]).numpy(),
            "walk_ms": lambda number: walk(guidance).numpy(),
            "search_ms": lambda number: search(query)[1].numpy(),
        },
        repeats,
    )

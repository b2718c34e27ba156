"""Times the search alone: matmul and top-k, the partitioned index, and TFRS' ScaNN layer, side by side."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import IndexName
from dimerec_tf.export.indexes import build_index
from dimerec_tf.export.recall import BATCH, DEPTH
from dimerec_tf.measuring.timing import medians
from dimerec_tf.retrieval.approximate import Index, shares_found
from serving.benchmark.exports import MEASURING, TUNING, Exports
from serving.server.loader import load_version
from serving.server.signature import Signature

BATCHES = (1, 32)
QUERIES, SCORES, ROWS = "queries", "scores", "rows"


def search_rows(exports: Exports, catalogue: int, repeats: int) -> list[dict[str, Any]]:
    """Recall and time of the best 50 items of each index, for batches of 1 and 32 queries.

    The queries are the model's, of histories that no index was tuned on. Searches run as the server runs an export's
    graph, and take turns, so that what else the machine does meets all of them.

    Args:
        exports: has the model.
        catalogue: how many items.
        repeats: measurements of each search and batch; their median counts.
    """
    model = exports.model(catalogue)
    vectors = model.item_vectors().numpy()
    tuning, queries = (_queries(model, exports.histories(catalogue, seed)) for seed in (TUNING, MEASURING))
    target = exports.config().export.target_recall
    indexes = {
        "exact": _Matmul(vectors),
        "ivf": _tuned("ivf", vectors, tuning, target),
        "scann": _tuned("scann", vectors, tuning, target),
    }
    with TemporaryDirectory() as folder:
        loaded = load_version(_saved(indexes, vectors.shape[1], Path(folder)))
    signatures = {name: loaded.signature(name) for name in indexes}
    best = _rows(signatures["exact"], queries)
    recalls = {
        name: float(shares_found(_rows(signature, queries), best).mean()) for name, signature in signatures.items()
    }
    return [
        {
            "catalogue": catalogue,
            "index": name,
            "recall@50": round(recalls[name], 4),
            "batch": batch,
            "p50_ms": milliseconds,
        }
        for batch in BATCHES
        for name, milliseconds in _medians(signatures, queries, batch, repeats).items()
    ]


def _queries(model: Any, histories: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [histories[start : start + BATCH] for start in range(0, len(histories), BATCH)]
    queries = np.concatenate([model.query(tf.constant(part)).numpy() for part in parts])
    return queries.reshape(-1, queries.shape[-1])


class _Matmul(tf.Module):
    def __init__(self, vectors: NDArray[np.float32]) -> None:
        super().__init__()
        self.table = tf.Variable(vectors, trainable=False)

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores, columns = tf.math.top_k(tf.matmul(queries, tf.convert_to_tensor(self.table), transpose_b=True), DEPTH)
        return scores, tf.cast(columns, tf.int64) + 1


def _tuned(name: IndexName, vectors: NDArray[np.float32], tuning: NDArray[np.float32], target: float) -> Index:
    index = build_index(name, vectors, DEPTH, None)
    index.tune(tuning, vectors, DEPTH, target)
    return index


def _saved(indexes: dict[str, Any], dim: int, path: Path) -> Path:
    def signature(index: Any) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        @tf.function(input_signature=[tf.TensorSpec([None, dim], tf.float32, QUERIES)])
        def found(queries: tf.Tensor) -> dict[str, tf.Tensor]:
            scores, rows = index.candidates(queries)
            return {SCORES: scores, ROWS: rows}

        return found

    module = tf.Module()
    module.indexes = indexes
    signatures = {name: signature(index) for name, index in indexes.items()}
    tf.saved_model.save(module, str(path), signatures, tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]))
    return path


def _search(signature: Signature, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    return signature.compute({QUERIES: queries}, [SCORES, ROWS])[ROWS]


def _rows(signature: Signature, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.concatenate(
        [_search(signature, queries[start : start + BATCH]) for start in range(0, len(queries), BATCH)]
    )


def _timed(signature: Signature, batches: list[NDArray[np.float32]]) -> Callable[[int], object]:
    return lambda number: _search(signature, batches[number])


def _medians(
    signatures: dict[str, Signature], queries: NDArray[np.float32], batch: int, repeats: int
) -> dict[str, float]:
    taken = (range(number * batch, (number + 1) * batch) for number in range(repeats))
    batches = [np.take(queries, rows, axis=0, mode="wrap") for rows in taken]
    return medians({name: _timed(signature, batches) for name, signature in signatures.items()}, repeats)

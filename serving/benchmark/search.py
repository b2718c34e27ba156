"""Times the search alone: matmul and top-k, the partitioned index, and TFRS' ScaNN layer, side by side."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import IndexName
from dimerec_tf.export.indexes import build_index
from dimerec_tf.export.recall import BATCH, DEPTH
from dimerec_tf.measuring.timing import medians
from dimerec_tf.retrieval.approximate import shares_found
from serving.benchmark.exports import MEASURING, TUNING, Exports

Search = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
BATCHES = (1, 32)


def search_rows(exports: Exports, catalogue: int, repeats: int) -> list[dict[str, Any]]:
    """Recall and time of the best 50 items of each index, for batches of 1 and 32 queries.

    The queries are the model's, of histories that no index was tuned on. The searches take turns, so that what else the
    machine does meets all of them.

    Args:
        exports: has the model.
        catalogue: how many items.
        repeats: measurements of each search and batch; their median counts.
    """
    model = exports.model(catalogue)
    vectors = model.item_vectors().numpy()
    tuning, queries = (_queries(model, exports.histories(catalogue, seed)) for seed in (TUNING, MEASURING))
    target = exports.config().export.target_recall
    searches: dict[str, Search] = {
        "exact": _matmul(vectors),
        "ivf": _indexed("ivf", vectors, tuning, target),
        "scann": _indexed("scann", vectors, tuning, target),
    }
    compiled = {
        name: tf.function(search, input_signature=[tf.TensorSpec([None, vectors.shape[1]])])
        for name, search in searches.items()
    }
    best = _rows(compiled["exact"], queries)
    recalls = {name: float(shares_found(_rows(search, queries), best).mean()) for name, search in compiled.items()}
    return [
        {
            "catalogue": catalogue,
            "index": name,
            "recall@50": round(recalls[name], 4),
            "batch": batch,
            "p50_ms": milliseconds,
        }
        for batch in BATCHES
        for name, milliseconds in _medians(compiled, queries, batch, repeats).items()
    ]


def _queries(model: Any, histories: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [histories[start : start + BATCH] for start in range(0, len(histories), BATCH)]
    queries = np.concatenate([model.query(tf.constant(part)).numpy() for part in parts])
    return queries.reshape(-1, queries.shape[-1])


def _matmul(vectors: NDArray[np.float32]) -> Search:
    table = tf.Variable(vectors, trainable=False)

    def search(queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores, columns = tf.math.top_k(tf.matmul(queries, tf.convert_to_tensor(table), transpose_b=True), DEPTH)
        return scores, tf.cast(columns, tf.int64) + 1

    return search


def _indexed(name: IndexName, vectors: NDArray[np.float32], tuning: NDArray[np.float32], target: float) -> Search:
    index = build_index(name, vectors, DEPTH, None)
    index.tune(tuning, vectors, DEPTH, target)
    return index.candidates


def _rows(search: Search, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    parts = [queries[start : start + BATCH] for start in range(0, len(queries), BATCH)]
    return np.concatenate([search(tf.constant(part))[1].numpy() for part in parts])


def _timed(search: Search, batches: list[tf.Tensor]) -> Callable[[int], object]:
    return lambda number: search(batches[number])[1].numpy()


def _medians(searches: dict[str, Search], queries: NDArray[np.float32], batch: int, repeats: int) -> dict[str, float]:
    taken = (range(number * batch, (number + 1) * batch) for number in range(repeats))
    batches = [tf.constant(np.take(queries, rows, axis=0, mode="wrap")) for rows in taken]
    return medians({name: _timed(search, batches) for name, search in searches.items()}, repeats)

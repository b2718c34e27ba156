"""What an index finds of what the exact search finds."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.retrieval.approximate import ApproximateRetriever
from dimerec_tf.training.sequences import Sequences

HISTORIES = 1024
BATCH = 32
DEPTH = 50


def sample_histories(sequences: Sequences, max_history: int) -> NDArray[np.int64]:
    """The latest events of at most 1,024 sequences, taken evenly: rows `[histories, max_history]`, zeros last."""
    filled = np.flatnonzero(np.diff(sequences.splits))
    chosen = filled[np.unique(np.linspace(0, len(filled) - 1, min(HISTORIES, len(filled))).astype(np.int64))]
    histories = np.zeros([len(chosen), max_history], np.int64)
    for place, index in enumerate(chosen):
        latest = sequences[index][-max_history:]
        histories[place, : len(latest)] = latest
    return histories


def recall_depth(max_k: int, num_items: int) -> int:
    """How many items of each history are looked for: 50, or less where the export or the catalogue has less."""
    return min(DEPTH, max_k, num_items)


def index_recall(retriever: ApproximateRetriever, histories: NDArray[np.int64]) -> dict[str, float]:
    """Asks for the best items after each history, both ways.

    Args:
        retriever: with the index in question.
        histories: rows `[histories, length]`.

    Returns:
        `k`, `histories`, and `recall`, the share of the exact search's items among the index's.
    """
    k = recall_depth(retriever.max_k, retriever.scorer.item_vectors.shape[0])
    found = 0
    for start in range(0, len(histories), BATCH):
        history = tf.constant(histories[start : start + BATCH])
        searches = [
            search.search(history, tf.zeros_like(history), tf.constant(k)) for search in (retriever, retriever.exact)
        ]
        approximate, exact = (rows.numpy() for _, rows in searches)
        found += (approximate[:, :, np.newaxis] == exact[:, np.newaxis]).sum()
    return {"k": k, "histories": len(histories), "recall": round(float(found) / (len(histories) * k), 4)}

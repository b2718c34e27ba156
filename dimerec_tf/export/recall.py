"""What a ScaNN index finds of what the exact search finds."""

import numpy as np
import tensorflow as tf

from dimerec_tf.retrieval.scann import ScannRetriever

HISTORIES = 256
BATCH = 32
DEPTH = 50


def index_recall(retriever: ScannRetriever) -> dict[str, float]:
    """Asks for the best items after histories of one item each, taken evenly over the catalogue.

    Returns:
        `k`, which is 50 or less where the export or the catalogue has less, `histories`, and `recall`, the share of the
        exact search's items among the index's.
    """
    num_items = retriever.scorer.item_vectors.shape[0]
    k = min(DEPTH, retriever.max_k, num_items)
    rows = np.unique(np.linspace(1, num_items, min(HISTORIES, num_items)).astype(np.int64))
    found = 0
    for start in range(0, len(rows), BATCH):
        history = tf.constant(rows[start : start + BATCH, np.newaxis])
        searches = [
            search.search(history, tf.zeros_like(history), tf.constant(k)) for search in (retriever, retriever.exact)
        ]
        approximate, exact = (rows.numpy() for _, rows in searches)
        found += (approximate[:, :, np.newaxis] == exact[:, np.newaxis]).sum()
    return {"k": k, "histories": len(rows), "recall": round(float(found) / (len(rows) * k), 4)}

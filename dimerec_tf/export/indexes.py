"""Builds the index of an export, as wide as its target recall asks."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import ExportConfig
from dimerec_tf.export.recall import BATCH, index_recall, recall_depth
from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW, ApproximateRetriever, candidates_for
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.retrieval.ivf import IvfIndex, default_leaves

FIRST_SHARE = 32


def ivf_retriever(scorer: ModelScorer, export: ExportConfig, histories: NDArray[np.int64]) -> ApproximateRetriever:
    """With as few leaves searched as find `target_recall` of the exact answers to the histories' queries."""
    vectors = scorer.item_vectors.numpy()
    leaves = min(export.leaves or default_leaves(len(vectors)), len(vectors))
    index = IvfIndex(vectors, candidates_for(export.max_k, len(vectors)), leaves)
    batches = [histories[start : start + BATCH] for start in range(0, len(histories), BATCH)]
    queries = np.concatenate([scorer.model.query(tf.constant(batch)).numpy() for batch in batches])
    index.tune(
        queries.reshape(-1, queries.shape[-1]), vectors, recall_depth(export.max_k, len(vectors)), export.target_recall
    )
    return ApproximateRetriever(scorer, index, export.max_k)


def scann_retriever(scorer: ModelScorer, export: ExportConfig, histories: NDArray[np.int64]) -> ApproximateRetriever:
    """Doubles the leaves that are searched, from a 32nd of them, until `target_recall` is found; all of them below
    20,000 items.

    Raises:
        ImportError: ScaNN is not installed.
    """
    from dimerec_tf.retrieval.scann import ScannIndex

    num_items = scorer.item_vectors.shape[0]
    leaves = min(export.leaves or max(int(num_items**0.5), 1), num_items)
    searched = leaves if num_items < EXHAUSTIVE_BELOW else max(leaves // FIRST_SHARE, 1)
    while True:
        index = ScannIndex(scorer.item_vectors, candidates_for(export.max_k, num_items), leaves, searched)
        retriever = ApproximateRetriever(scorer, index, export.max_k)
        if searched == leaves or index_recall(retriever, histories)["recall"] >= export.target_recall:
            return retriever
        searched = min(2 * searched, leaves)

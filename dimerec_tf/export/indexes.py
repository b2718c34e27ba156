"""Builds the index of an export, as wide as its target recall asks."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import ExportConfig
from dimerec_tf.export.recall import BATCH, index_recall, recall_depth
from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW, ApproximateRetriever, candidates_for
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.retrieval.ivf import IvfIndex, default_leaves

FIRST_SHARE = 128  # of the leaves, where the search for their number begins

Built = TypeVar("Built")


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
    """With leaves searched by `wide_enough`; all of them below 20,000 items.

    Raises:
        ImportError: ScaNN is not installed.
    """
    from dimerec_tf.retrieval.scann import ScannIndex

    num_items = scorer.item_vectors.shape[0]
    leaves = min(export.leaves or max(int(num_items**0.5), 1), num_items)

    def build(searched: int) -> ApproximateRetriever:
        index = ScannIndex(scorer.item_vectors, candidates_for(export.max_k, num_items), leaves, searched)
        return ApproximateRetriever(scorer, index, export.max_k)

    if num_items < EXHAUSTIVE_BELOW:
        return build(leaves)
    return wide_enough(
        build, lambda retriever: index_recall(retriever, histories)["recall"], leaves, export.target_recall
    )


def wide_enough(
    build: Callable[[int], Built], recall: Callable[[Built], float], leaves: int, target_recall: float
) -> Built:
    """Builds an index that searches a 128th of its leaves, and twice as many until its recall is there.

    Args:
        build: takes how many leaves are searched.
        recall: of what was built.
        leaves: all there are.
        target_recall: between 0 and 1.
    """
    searched = max(leaves // FIRST_SHARE, 1)
    while True:
        built = build(searched)
        if searched == leaves or recall(built) >= target_recall:
            return built
        searched = min(2 * searched, leaves)

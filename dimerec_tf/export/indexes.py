"""Builds the index of an export, as wide as its target recall asks."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import ExportConfig, IndexName
from dimerec_tf.export.recall import BATCH, recall_depth
from dimerec_tf.named_parts import INDEXES, find
from dimerec_tf.retrieval.approximate import ApproximateRetriever, Index, candidates_for
from dimerec_tf.retrieval.exact import ModelScorer


def indexed_retriever(
    index: IndexName, scorer: ModelScorer, export: ExportConfig, histories: NDArray[np.int64]
) -> ApproximateRetriever:
    """With as few leaves searched as find `target_recall` of the exact answers to the histories' queries.

    Args:
        index: which one.
        scorer: holds the model and its item vectors.
        export: leaves, target recall and the largest k.
        histories: rows `[histories, length]`.

    Raises:
        ScannUnusable: ScaNN is asked for and cannot be imported.
    """
    vectors = scorer.item_vectors.numpy()
    leaves = export.leaves and min(export.leaves, len(vectors))
    built = build_index(index, vectors, candidates_for(export.max_k, len(vectors)), leaves)
    batches = [histories[start : start + BATCH] for start in range(0, len(histories), BATCH)]
    queries = np.concatenate([scorer.model.query(tf.constant(batch)).numpy() for batch in batches])
    queries = queries.reshape(-1, queries.shape[-1])
    built.tune(queries, vectors, recall_depth(export.max_k, len(vectors)), export.target_recall)
    return ApproximateRetriever(scorer, built, export.max_k)


def build_index(index: IndexName, vectors: NDArray[np.float32], num_candidates: int, leaves: int | None) -> Index:
    """An index that is not tuned yet; all are made alike, see `IvfIndex`."""
    built: Index = find(INDEXES, index)(vectors, num_candidates, leaves)
    return built

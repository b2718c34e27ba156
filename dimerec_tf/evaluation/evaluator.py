"""Full-catalogue evaluation outside the pipeline, through the search that serving uses."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.metrics.ranking import Ranks
from dimerec_tf.retrieval.exact import Retriever

BATCH = 256


Search = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def compile_search(retriever: Retriever) -> Search:
    """A retriever's search as one graph for batches of all sizes."""
    rows = tf.TensorSpec([None, None], tf.int64)
    return tf.function(retriever.search, input_signature=[rows, rows, tf.TensorSpec([], tf.int32)])


def retrieve(search: Search, histories: Sequence[Sequence[int]], filter_seen: bool, depth: int) -> NDArray[np.int64]:
    """The rows of each history's best `depth` items, `[histories, depth]`; 0 past the catalogue's end.

    Args:
        search: see `compile_search`.
        histories: item rows, oldest first.
        filter_seen: whether the items of the history are left out.
        depth: how many items are retrieved.
    """
    by_length = np.argsort([len(history) for history in histories], kind="stable")  # so that little padding is computed
    found = []
    for batch in _batches([histories[place] for place in by_length]):
        blocked = batch if filter_seen else tf.zeros([batch.shape[0], 0], tf.int64)
        found.append(search(batch, blocked, tf.constant(depth))[1].numpy())
    return np.concatenate(found)[np.argsort(by_length)]


def target_ranks(retrieved: NDArray[np.int64], targets: Sequence[Sequence[int]]) -> Ranks:
    """The place (from 1) of each target among the rows retrieved for its case.

    Args:
        retrieved: `[cases, depth]`.
        targets: each case's rows, at least one; 0 for an item outside the catalogue.
    """
    ranks = np.full([len(targets), max(map(len, targets), default=0)], np.nan)
    for case, (rows, wanted) in enumerate(zip(retrieved.tolist(), targets, strict=True)):
        places = {row: place for place, row in enumerate(rows, start=1) if row}
        ranks[case, : len(wanted)] = [places.get(row, np.inf) for row in wanted]
    return ranks


def _batches(histories: Sequence[Sequence[int]]) -> Iterator[tf.Tensor]:
    for start in range(0, len(histories), BATCH):
        yield tf.ragged.constant(histories[start : start + BATCH], ragged_rank=1, dtype=tf.int64).to_tensor()

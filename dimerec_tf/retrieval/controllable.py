"""Controllable aggregation: trades scores of a list against the variety of its categories (arXiv 2005.09347, 3.4)."""

import numpy as np
import tensorflow as tf

from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.exact import Retriever

CANDIDATES = 4  # for each place of a diverse list: what ComiRec's four interests retrieve


def aggregate(
    scores: tf.Tensor, rows: tf.Tensor, categories: tf.Tensor, weight: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Greedy maximum of the sum of scores plus `weight` for each pair of chosen items without a common category.

    One after the other the item is chosen that adds most; of equals the first. The paper's greedy inference. Each list
    is chosen out of its first `CANDIDATES` x k candidates, so that it does not depend on the others.

    Args:
        scores: candidates' scores float32 `[lists, candidates]`, best first.
        rows: their item rows int64 `[lists, candidates]`, 0 past the last.
        categories: numbers of their categories `[lists, candidates, most]`, 0 after the end; an item without any
            differs from all others.
        weight: lambda of the paper, `[lists]`, finite; 0 leaves the order as it is.
        k: how many are chosen, int32 `[lists]`.

    Returns:
        Scores and rows of the chosen in the order in which they were chosen, `[lists, max(k)]`, 0 where candidates ran
        out; what follows a list's own k is of no meaning.
    """
    count = tf.shape(rows)[1]
    places = tf.range(count)[tf.newaxis]
    considered = (rows > 0) & (places < CANDIDATES * k[:, tf.newaxis])
    weight = tf.cast(weight, tf.float64)[:, tf.newaxis]

    def choose(
        turn: tf.Tensor, gains: tf.Tensor, chosen: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        most, best = tf.math.top_k(gains, 1)
        own = tf.gather(categories, best, batch_dims=1)[:, :, tf.newaxis]
        is_common = (categories[..., tf.newaxis] == own) & (own > 0)
        gains += tf.where(tf.reduce_any(is_common, axis=[2, 3]), tf.zeros_like(weight), weight)
        chosen = chosen.write(turn, tf.where(most > -np.inf, best, count)[:, 0])
        return turn + 1, tf.where(places == best, tf.constant(-np.inf, tf.float64), gains), chosen

    longest = tf.reduce_max(k)
    gains = tf.where(considered, tf.cast(scores, tf.float64), -np.inf)
    chosen = tf.TensorArray(tf.int32, longest, element_shape=[rows.shape[0]])
    *_, chosen = tf.while_loop(lambda turn, *_: turn < longest, choose, (0, gains, chosen))
    positions, end = tf.transpose(chosen.stack()), [[0, 0], [0, 1]]
    scores, rows = (tf.gather(tf.pad(part, end), positions, batch_dims=1) for part in (scores, rows))
    return scores, rows


class DiverseRetriever(tf.Module):
    """See `Retriever`: aggregates `CANDIDATES` x k items of another retriever.

    Args:
        retriever: searches them.
        categories: of the catalogue.
        weight: as for `aggregate`, the same for all.
    """

    def __init__(self, retriever: Retriever, categories: ItemCategories, weight: float) -> None:
        super().__init__()
        self.retriever, self.categories, self.weight = retriever, categories, weight

    def search(self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Retriever`; scores are those of the items, and do not fall from place to place."""
        scores, rows = self.retriever.search(history, blocked, CANDIDATES * k)
        lists = tf.shape(history)[:1]
        weight = tf.fill(lists, tf.constant(self.weight, tf.float64))
        return aggregate(scores, rows, self.categories.of(rows), weight, tf.fill(lists, k))

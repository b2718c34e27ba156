"""A trained model with a catalogue larger than its log has, for timing what a large catalogue costs.

No public log at hand has a million items. The vectors of the further items are mixed from trained ones: they keep the
clusters and lengths that training gave, which an index lives on. They say nothing about accuracy.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.models.dimerec import DimeRec

NEIGHBOURS = 10
NOISE_SHARE = 0.5


@dataclass(frozen=True)
class Enlargement:
    """More items than were trained.

    Attributes:
        vectors: `[num_items, dim]`; the first ones are the trained items themselves.
        parents: `[num_items]`, which trained item (from 0) each comes from.
    """

    vectors: NDArray[np.float32]
    parents: NDArray[np.int64]

    def histories(self, histories: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """Histories over the enlarged catalogue: each event is an item drawn from those of its trained item.

        Args:
            histories: rows `[histories, length]` of trained items, 0 for padding.
            seed: of the draw.
        """
        order = np.argsort(self.parents, kind="stable")
        starts = np.searchsorted(self.parents[order], np.arange(self.parents.max() + 2))
        events = np.maximum(histories - 1, 0)
        share = np.random.default_rng(seed).random(histories.shape)
        drawn = starts[events] + (share * (starts[events + 1] - starts[events])).astype(np.int64)
        return np.where(histories > 0, order[drawn] + 1, 0)


def enlarge(trained: NDArray[np.float32], num_items: int, seed: int) -> Enlargement:
    """Puts each further item between a trained one and one of its ten nearest, and moves it by noise.

    The noise is half as long as the way from the trained item to its nearest neighbour. Trained items take turns, so
    that each has as many further ones as the others.

    Args:
        trained: `[trained items, dim]`.
        num_items: of the new catalogue; below the trained ones' number, the first ones are kept.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    parents = np.arange(num_items) % len(trained)
    further = parents[len(trained) :]
    distances, neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(trained).kneighbors(trained)
    partner = neighbours[further, rng.integers(1, NEIGHBOURS + 1, len(further))]
    share = rng.random([len(further), 1], np.float32)
    noise = rng.standard_normal([len(further), trained.shape[1]], np.float32) / np.sqrt(np.float32(trained.shape[1]))
    noise *= NOISE_SHARE * distances[further, 1:2].astype(np.float32)
    mixed = trained[further] + share * (trained[partner] - trained[further]) + noise
    return Enlargement(np.concatenate([trained[:num_items], mixed]), parents)


def enlarged_model(model: DimeRec, config: DimeRecConfig, vectors: NDArray[np.float32]) -> DimeRec:
    """The same trained weights around another item table.

    Args:
        model: trained.
        config: of the new model; its weights must have the shapes of the trained one's.
        vectors: `[num_items, dim]`.
    """
    larger = DimeRec(config, np.ones(len(vectors) + 1, np.int64), model.seed)
    table = np.concatenate([np.zeros([1, vectors.shape[1]], np.float32), vectors])
    for own, weight in zip(larger.weights, model.weights, strict=True):
        own.assign(table if own is larger.items.table else tf.convert_to_tensor(weight))
    return larger

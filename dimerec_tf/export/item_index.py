"""A trained index without its model, for whoever has query vectors already."""

from pathlib import Path

import tensorflow as tf

from dimerec_tf.features import ItemVocabulary
from dimerec_tf.retrieval.approximate import Index


class ItemIndexModule(tf.Module):
    """Finds item ids for query vectors, such as the signature `embed` of an export gives.

    Args:
        index: of item vectors, trained and tuned.
        vocabulary: the ids of their rows.
        dim: of the vectors.
    """

    def __init__(self, index: Index, vocabulary: ItemVocabulary, dim: int) -> None:
        super().__init__()
        self.index = index
        self.vocabulary = vocabulary
        signature = [tf.TensorSpec([None, dim], tf.float32, "queries"), tf.TensorSpec([], tf.int32, "k")]
        self.search = tf.function(self._search, input_signature=signature)

    def _search(self, queries: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best `k` of the candidates: `item_ids` string and `scores` float32, `[queries, k]`; '' and 0 past the
        last that was found.
        """
        scores, rows = (part[:, :k] for part in self.index.candidates(queries))
        found = scores > -float("inf")
        return {
            "item_ids": self.vocabulary.decode(tf.where(found, rows, 0)),
            "scores": tf.where(found, scores, 0.0),
        }


def save_item_index(index: Index, vocabulary_file: Path, dim: int, path: Path) -> None:
    """Writes a SavedModel with the signature `serving_default`; that of ScaNN needs its op library to load."""
    module = ItemIndexModule(index, ItemVocabulary(vocabulary_file), dim)
    tf.saved_model.save(
        module,
        str(path),
        signatures=module.search,
        options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]),
    )

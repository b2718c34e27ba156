"""The floor that knows nothing of the user: the items most frequent in training."""

import tensorflow as tf

from dimerec_tf.retrieval.exact import HistoryScorer, popularity_scores
from dimerec_tf.training.sequences import Sequences


class Popularity(HistoryScorer):
    """Scores every history alike; see `dimerec_tf.retrieval.exact.Scorer`. Item rows are in order of frequency."""

    def __init__(self, num_items: int) -> None:
        super().__init__()
        self.num_items = num_items

    @classmethod
    def fit(cls, sequences: Sequences, num_items: int) -> "Popularity":
        """Takes the order of rows as it is; `sequences` are what every baseline is given."""
        return cls(num_items)

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """Rows `[batch, length]` to `[batch, num_items]`: 1/popularity rank."""
        return tf.repeat(popularity_scores(self.num_items), tf.shape(users)[0], axis=0)

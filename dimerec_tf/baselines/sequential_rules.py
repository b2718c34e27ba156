"""The floor that counts: which item follows which within a window, no learning."""

import numpy as np
import tensorflow as tf

from dimerec_tf.models.history import reversed_events
from dimerec_tf.retrieval.exact import HistoryScorer
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.transitions import count_transitions


class SequentialRules(HistoryScorer):
    """Scores an item by how often it followed the user's last events in training.

    A transition at distance d (1 = directly after) within the window counts 1/d; the rules of an item are divided by
    their sum; the event at distance d from the end of a history weighs 1/d. See
    `dimerec_tf.retrieval.exact.Scorer`.

    Args:
        starts: int64 `[num_items + 2]`; rules of item row r are `starts[r]:starts[r + 1]`.
        followers: int32 `[rules]`, the item rows that follow.
        weights: float32 `[rules]`.
        num_items: catalogue size without padding.
        window: the largest distance.
    """

    def __init__(
        self, starts: np.ndarray, followers: np.ndarray, weights: np.ndarray, num_items: int, window: int
    ) -> None:
        super().__init__()
        self.starts = tf.Variable(starts, trainable=False, name="starts")
        self.followers = tf.Variable(followers, trainable=False, name="followers")
        self.weights = tf.Variable(weights, trainable=False, name="weights")
        self.num_items = num_items
        self.window = window

    @classmethod
    def fit(cls, sequences: Sequences, num_items: int, window: int) -> "SequentialRules":
        """Counts the transitions of all training sequences."""
        sources, followers, totals = count_transitions(sequences, num_items, window)
        weights = totals / np.bincount(sources, totals)[sources]
        starts = np.searchsorted(sources, np.arange(num_items + 2))
        return cls(starts, followers.astype(np.int32), weights.astype(np.float32), num_items, window)

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """Rows `[batch, length]` to `[batch, num_items]`; items that no rule reaches score 0."""
        batch = tf.shape(users, tf.int64)[0]
        latest = reversed_events(users, self.window)
        per_event = tf.range(1.0, tf.cast(tf.shape(latest)[1], tf.float32) + 1.0)
        starts = tf.convert_to_tensor(self.starts)
        events = tf.reshape(latest, [-1])
        rules = tf.ragged.range(tf.gather(starts, events), tf.gather(starts, events + 1))
        owner = tf.repeat(tf.range(batch), tf.shape(latest, tf.int64)[1])
        cells = tf.gather(owner, rules.value_rowids()) * (self.num_items + 1)
        cells += tf.cast(tf.gather(tf.convert_to_tensor(self.followers), rules.flat_values), tf.int64)
        event_weights = tf.gather(tf.tile(1 / per_event, [batch]), rules.value_rowids())
        values = event_weights * tf.gather(tf.convert_to_tensor(self.weights), rules.flat_values)
        totals = tf.math.unsorted_segment_sum(values, cells, batch * (self.num_items + 1))
        return tf.reshape(totals, [batch, self.num_items + 1])[:, 1:]

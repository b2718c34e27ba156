from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.baselines.sequential_rules import SequentialRules
from dimerec_tf.training.sequences import Sequences

NUM_ITEMS = 12
RNG = np.random.default_rng(4)
LISTS = [RNG.integers(1, NUM_ITEMS + 1, RNG.integers(0, 15)).tolist() for _ in range(20)]
HISTORIES = np.array([[1, 5, 2, 9, 4, 4], [7, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])


def _oracle(window: int) -> np.ndarray:
    counts = np.zeros((NUM_ITEMS + 1, NUM_ITEMS + 1))
    for sequence in LISTS:
        for i, before in enumerate(sequence):
            for distance in range(1, window + 1):
                if i + distance < len(sequence):
                    counts[before, sequence[i + distance]] += 1 / distance
    scores = np.zeros((len(HISTORIES), NUM_ITEMS + 1))
    for user, history in enumerate(HISTORIES):
        events = [row for row in history if row][::-1][:window]
        for distance, row in enumerate(events, start=1):
            if counts[row].sum():
                scores[user] += counts[row] / counts[row].sum() / distance
    return scores[:, 1:]


@pytest.mark.parametrize("window", [1, 3, 10])
def test_sequential_rules_equal_a_plain_count(window: int) -> None:
    rules = SequentialRules.fit(Sequences.from_lists(LISTS), NUM_ITEMS, window)
    np.testing.assert_allclose(rules.scores(tf.constant(HISTORIES)), _oracle(window), rtol=1e-5)


def test_rules_survive_saving(tmp_path: Path) -> None:
    rules = SequentialRules.fit(Sequences.from_lists(LISTS), NUM_ITEMS, 3)
    rules.serve = tf.function(rules.scores, input_signature=[tf.TensorSpec([None, None], tf.int64)])
    tf.saved_model.save(rules, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.serve(tf.constant(HISTORIES)), _oracle(3), rtol=1e-5)


@pytest.mark.parametrize("lists", [[[3], []], []])
def test_rules_need_no_transition(lists: list[list[int]]) -> None:
    rules = SequentialRules.fit(Sequences.from_lists(lists), NUM_ITEMS, 5)
    assert not rules.scores(tf.constant(HISTORIES)).numpy().any()


def test_rules_take_batches_and_histories_without_content() -> None:
    rules = SequentialRules.fit(Sequences.from_lists(LISTS), NUM_ITEMS, 3)
    assert rules.scores(tf.zeros([0, 4], tf.int64)).shape == (0, NUM_ITEMS)
    assert not rules.scores(tf.zeros([2, 0], tf.int64)).numpy().any()


def test_popularity_is_the_order_of_rows_for_everyone() -> None:
    scores = Popularity.fit(Sequences.from_lists(LISTS), NUM_ITEMS).scores(tf.constant(HISTORIES)).numpy()
    np.testing.assert_allclose(scores, np.tile(1 / np.arange(1, NUM_ITEMS + 1), (3, 1)), rtol=1e-6)

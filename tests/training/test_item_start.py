"""Where the item table starts, against a dense decomposition."""

import numpy as np
import pytest

from dimerec_tf.config import parse_config
from dimerec_tf.training.fit import fit
from dimerec_tf.training.item_start import SHARE, start_by_transitions
from dimerec_tf.training.sequences import Sequences

NUM_ITEMS, UNKNOWN = 9, 9
RNG = np.random.default_rng(5)
LISTS = [RNG.integers(1, NUM_ITEMS, 14).tolist() for _ in range(6)] + [[UNKNOWN], []]


def _table(dim: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(NUM_ITEMS + 1, dim)).astype(np.float32)


def _dense_cosines(dim: int) -> np.ndarray:
    counts = np.zeros((NUM_ITEMS + 1, NUM_ITEMS + 1))
    for sequence in LISTS:
        for place, before in enumerate(sequence):
            for distance, after in enumerate(sequence[place + 1 : place + 11], start=1):
                counts[before, after] += 1 / distance
                counts[after, before] += 1 / distance
    known = counts[1:NUM_ITEMS, 1:NUM_ITEMS]
    root = np.sqrt(known.sum(axis=1))
    left, values, _ = np.linalg.svd(known / root[:, None] / root[None])
    vectors = left[:, :dim] * np.sqrt(values[:dim])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


@pytest.mark.parametrize("dim", [3, 8, 40])
def test_the_start_has_the_cosines_of_a_dense_decomposition(dim: int) -> None:
    table = _table(dim)
    added = start_by_transitions(table, Sequences.from_lists(LISTS), seed=2) - (1 - SHARE) * table
    vectors = added[1:NUM_ITEMS] / SHARE
    np.testing.assert_allclose(vectors @ vectors.T, _dense_cosines(dim), atol=1e-4)


def test_padding_and_items_without_transitions_keep_their_vectors() -> None:
    table = _table(4)
    moved = start_by_transitions(table, Sequences.from_lists(LISTS), seed=2)
    np.testing.assert_array_equal(moved[[0, UNKNOWN]], table[[0, UNKNOWN]])
    assert (moved[1:UNKNOWN] != table[1:UNKNOWN]).any(axis=1).all()
    np.testing.assert_array_equal(table, _table(4))


def test_a_seed_repeats_itself() -> None:
    starts = [start_by_transitions(_table(3), Sequences.from_lists(LISTS), seed=2) for _ in range(2)]
    np.testing.assert_array_equal(*starts)


@pytest.mark.parametrize("kind", ["dimerec", "sasrec", "diffurec"])
def test_training_starts_there(kind: str) -> None:
    """With a learning rate that moves nothing, the trained table is the start."""
    tables = {}
    for start in ("random", "transitions"):
        model = {"kind": kind, "dim": 4, "max_history": 6, "item_start": start}
        training = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-12}
        trained = fit(parse_config({"model": model, "training": training}), Sequences.from_lists(LISTS), NUM_ITEMS)
        tables[start] = trained.items.get_weights()[0]
    expected = start_by_transitions(tables["random"], Sequences.from_lists(LISTS), seed=42)
    np.testing.assert_allclose(tables["transitions"], expected, atol=1e-5)

"""Indexes that search a part of their leaves: approximate, but never short."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import ExportConfig, IndexName, parse_config
from dimerec_tf.export.indexes import build_index, indexed_retriever
from dimerec_tf.export.recall import index_recall, sample_histories
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.named_parts import INDEXES
from dimerec_tf.retrieval.approximate import ApproximateRetriever, certain_share
from dimerec_tf.retrieval.exact import ModelScorer, Retriever
from dimerec_tf.retrieval.ivf import IvfIndex
from dimerec_tf.retrieval.leaves import equal_leaves
from dimerec_tf.training.sequences import Sequences

NUM_ITEMS, K, CANDIDATES = 2000, 20, 50
RNG = np.random.default_rng(3)
HISTORIES = RNG.integers(1, NUM_ITEMS + 1, (6, 4))
NOTHING = np.zeros((6, 1), np.int64)


def make_scorer(num_items: int, **model: object) -> ModelScorer:
    config = parse_config({"model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}, **model}})
    return ModelScorer(DimeRec(config.model, np.ones(num_items + 1, np.int64), seed=1))


def make_retriever(
    name: IndexName, scorer: ModelScorer, leaves: int, searched: int, candidates: int = CANDIDATES
) -> ApproximateRetriever:
    index = build_index(name, scorer.item_vectors.numpy(), candidates, leaves)
    index.leaves_to_search = searched
    return ApproximateRetriever(scorer, index, K)


@pytest.fixture(scope="module", params=INDEXES)
def name(request: pytest.FixtureRequest) -> IndexName:
    return request.param


@pytest.fixture(scope="module")
def partial(name: IndexName) -> ApproximateRetriever:
    return make_retriever(name, make_scorer(NUM_ITEMS), leaves=20, searched=2)


def ids(retriever: Retriever, histories: np.ndarray, blocked: np.ndarray, k: int = K) -> list[list[int]]:
    return retriever.search(tf.constant(histories), tf.constant(blocked), tf.constant(k))[1].numpy().tolist()


def test_a_part_of_the_leaves_is_not_exact_and_the_recall_says_so(partial: ApproximateRetriever) -> None:
    exact = partial.exact.search(tf.constant(HISTORIES), tf.constant(NOTHING), tf.constant(K))[1].numpy().tolist()
    found = ids(partial, HISTORIES, NOTHING)
    assert found != exact and all(len(set(row) - {0}) == K for row in found)
    hits = sum(len(set(one) & set(other)) for one, other in zip(found, exact, strict=True))
    assert index_recall(partial, HISTORIES) == {"k": K, "histories": 6, "recall": round(hits / (6 * K), 4)}
    assert 0 < hits < 6 * K


def test_neither_a_cold_row_nor_one_with_many_blocked_items_changes_the_others(partial: ApproximateRetriever) -> None:
    plain = ids(partial, HISTORIES, NOTHING)
    cold = HISTORIES.copy()
    cold[2] = 0
    blocked = np.zeros((6, 1900), np.int64)
    blocked[4] = np.arange(1, 1901)
    found = ids(partial, cold, blocked)
    assert found[2] == list(range(1, K + 1))
    assert set(found[4]) <= set(range(1901, NUM_ITEMS + 1)) and len(set(found[4])) == K
    assert [found[row] for row in (0, 1, 3, 5)] == [plain[row] for row in (0, 1, 3, 5)]


def test_an_ivf_answer_does_not_depend_on_the_batch() -> None:
    """ScaNN sums scores of leaves in another order for a batch than for one query, so it may search another leaf."""
    ivf = make_retriever("ivf", make_scorer(NUM_ITEMS), leaves=20, searched=2)
    alone = [ids(ivf, HISTORIES[[row]], NOTHING[[row]])[0] for row in range(6)]
    assert alone == ids(ivf, HISTORIES, NOTHING)


def test_no_query_finds_nothing() -> None:
    index = make_retriever("ivf", make_scorer(NUM_ITEMS), leaves=20, searched=2).index
    scores, rows = index.candidates(tf.zeros([0, 8]))
    assert scores.shape == rows.shape == (0, index.num_candidates)


def test_leaves_with_too_few_items_give_no_shorter_answer(name: IndexName) -> None:
    small = make_retriever(name, make_scorer(200), leaves=40, searched=1)
    found = ids(small, HISTORIES % 200 + 1, NOTHING)
    assert found == small.exact.search(tf.constant(HISTORIES % 200 + 1), NOTHING, tf.constant(K))[1].numpy().tolist()


def test_an_item_that_several_queries_find_is_listed_once_with_its_best_score(name: IndexName) -> None:
    scorer = make_scorer(300, retrieval="interests")
    retriever = make_retriever(name, scorer, leaves=2, searched=2, candidates=300)
    histories, blocked = tf.constant(HISTORIES % 300 + 1), tf.constant(HISTORIES % 300 + 1)
    assert scorer.model.query(histories).shape[1] == 3
    scores, rows = retriever.search(histories, blocked, tf.constant(K))
    exact_scores, exact_rows = retriever.exact.search(histories, blocked, tf.constant(K))
    np.testing.assert_array_equal(rows, exact_rows)
    np.testing.assert_allclose(scores, exact_scores, rtol=1e-5)


@pytest.mark.parametrize("blocked_count", [0, 20, 195])
@pytest.mark.parametrize("empty_row", [False, True])
def test_all_leaves_give_the_exact_answer(name: IndexName, blocked_count: int, empty_row: bool) -> None:
    retriever = make_retriever(name, make_scorer(200), leaves=5, searched=5)
    history = HISTORIES % 200 + 1
    if empty_row:
        history[2] = 0
    blocked = tf.constant(RNG.integers(1, 201, (6, blocked_count)))
    expected = retriever.exact.search(tf.constant(history), blocked, tf.constant(K))
    found = retriever.search(tf.constant(history), blocked, tf.constant(K))
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)


@pytest.mark.parametrize("count", [1, 4])
def test_ivf_scores_the_items_of_the_leaves_that_agree_most(count: int) -> None:
    vectors = RNG.normal(size=(500, 8)).astype(np.float32)
    index = IvfIndex(vectors, num_candidates=12, leaves=10, leaves_to_search=3)
    queries = RNG.normal(size=(count, 8)).astype(np.float32)
    scores, rows = index.candidates(tf.constant(queries))
    leaves = [vectors[index.leaf_of_item == leaf] for leaf in range(index.settings["leaves"])]
    centres = np.stack([leaf.mean(axis=0) for leaf in leaves])
    spread = [np.sqrt(np.square(leaf - leaf.mean(axis=0)).sum(axis=1).mean()) for leaf in leaves]
    for query, own_scores, own_rows in zip(queries, scores.numpy(), rows.numpy(), strict=True):
        visited = np.argsort(-(centres @ query + 0.3 * np.linalg.norm(query) * np.array(spread)))[:3]
        inside = np.flatnonzero(np.isin(index.leaf_of_item, visited))
        best = inside[np.argsort(-(vectors[inside] @ query))[:12]]
        assert own_rows.tolist() == (best + 1).tolist()
        np.testing.assert_allclose(own_scores, vectors[best] @ query, rtol=1e-5)


def test_ivf_proposes_no_place_that_holds_no_item() -> None:
    vectors = -np.abs(RNG.normal(size=(50, 8))).astype(np.float32)  # worse than the zeros that fill a leaf
    index = IvfIndex(vectors, num_candidates=60, leaves=3, leaves_to_search=1)
    scores, rows = (part.numpy() for part in index.candidates(tf.ones([2, 8])))
    found = rows > 0
    assert (found == np.isfinite(scores)).all() and (found.sum(axis=1) == np.bincount(index.leaf_of_item).max()).all()


def test_an_index_searches_as_many_leaves_as_the_target_recall_asks(name: IndexName) -> None:
    scorer = make_scorer(NUM_ITEMS)
    histories = RNG.integers(1, NUM_ITEMS + 1, (60, 4))
    searched = []
    for target in (0.3, 0.9, 1.0):
        retriever = indexed_retriever(name, scorer, ExportConfig(max_k=K, leaves=32, target_recall=target), histories)
        assert index_recall(retriever, histories)["recall"] >= target
        searched.append(retriever.index.settings["leaves_to_search"])
    assert searched == sorted(searched) and searched[0] < searched[-1] <= 32


def test_a_small_catalogue_is_searched_exactly(name: IndexName) -> None:
    scorer = make_scorer(300)
    histories = HISTORIES % 300 + 1
    retriever = indexed_retriever(name, scorer, ExportConfig(max_k=K, target_recall=0.1), histories)
    assert ids(retriever, histories, NOTHING) == ids(retriever.exact, histories, NOTHING)


def test_large_catalogues_have_many_leaves_by_default(name: IndexName) -> None:
    vectors = RNG.normal(size=(20_000, 4)).astype(np.float32)
    leaves = {"ivf": range(20_000 // 256 + 1, 20_000 // 200), "scann": [282]}
    assert build_index(name, vectors, CANDIDATES, None).settings["leaves"] in leaves[name]


def test_a_certain_share_lies_two_standard_errors_below_the_mean() -> None:
    assert certain_share(np.array([1.0, 0.5, 1.0, 0.5])) == pytest.approx(0.75 - 2 * 0.25 / 2)
    assert certain_share(np.ones(5)) == 1


@pytest.mark.parametrize("size", [16, 100, 700])
def test_leaves_are_a_partition_of_parts_that_fit_and_are_filled(size: int) -> None:
    vectors = RNG.normal(size=(3000, 4)).astype(np.float32)
    leaves = equal_leaves(vectors, size)
    assert sorted(np.concatenate(leaves).tolist()) == list(range(3000))
    assert min(map(len, leaves)) > 0 and max(map(len, leaves)) <= size
    assert 3000 / len(leaves) > 0.7 * size


def test_items_of_a_leaf_lie_closer_together_than_others() -> None:
    vectors = RNG.normal(size=(2000, 4)).astype(np.float32)
    leaves = equal_leaves(vectors, 50)
    within = np.mean([vectors[leaf].var(axis=0).sum() for leaf in leaves])
    assert within < 0.4 * vectors.var(axis=0).sum()


def test_histories_for_the_recall_are_the_latest_events_of_sequences_all_over_the_log() -> None:
    sequences = Sequences.from_lists([[1, 2, 3, 4], [], [5], *([[7]] * 2000)])
    histories = sample_histories(sequences, 3)
    assert histories.shape == (1024, 3)
    assert histories[0].tolist() == [2, 3, 4] and histories[-1].tolist() == [7, 0, 0]
    assert sample_histories(Sequences.from_lists([[1], [2, 3]]), 2).tolist() == [[1, 0], [2, 3]]

"""What a request may ask of categories: to be of them, and lists of different ones."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.config import Config
from dimerec_tf.data.items import ItemsError, catalogue_categories
from dimerec_tf.export.module import RecommenderModule
from dimerec_tf.export.request import Request
from dimerec_tf.export.save import save_exact
from dimerec_tf.features import ItemVocabulary
from dimerec_tf.retrieval.approximate import ApproximateRetriever
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer
from dimerec_tf.retrieval.ivf import IvfIndex
from tests.controllable_oracle import aggregate_list
from tests.export.served import CATEGORIES, CATEGORIES_OF, IDS, NUM_ITEMS, Served

HISTORY = ["item-3", "item-7"]
MAX_K = 60


@pytest.fixture(scope="module")
def ranking(scorer: ModelScorer) -> tuple[list[str], np.ndarray]:
    """The whole catalogue for `HISTORY`, best first, and its scores."""
    rows = tf.constant([[3, 7]], tf.int64)
    scores, found = ExactRetriever(scorer).search(rows, tf.zeros_like(rows), tf.constant(NUM_ITEMS))
    return [IDS[row - 1] for row in found[0].numpy()], scores[0].numpy()


def answered(served: Served, **inputs: object) -> list[str]:
    answer = served.run(history_item_ids=[HISTORY], **inputs)
    return [item.decode() for item in answer["item_ids"][0] if item]


@pytest.mark.parametrize("names", [["War"], ["Noir", "", "Western"], ["who?", "Drama"]])
def test_only_items_of_an_allowed_category_come_back_in_the_order_of_all(
    served: Served, ranking: tuple[list[str], np.ndarray], names: list[str]
) -> None:
    """Whatever else is asked: exclusions, seen items and a list of allowed ones hold too."""
    expected = [item for item in ranking[0] if set(CATEGORIES_OF[item]) & set(names)]
    assert answered(served, k=[MAX_K], allow_categories=[names]) == expected[:MAX_K]
    excluded, listed = expected[:5], [*expected[::3], *IDS[:9], "who?"]
    kept = [item for item in expected if item not in (*excluded, *HISTORY)]
    asked = {"allow_categories": [names], "exclude_item_ids": [excluded], "filter_seen": [True]}
    assert answered(served, k=[MAX_K], **asked) == kept[:MAX_K]
    both = [item for item in kept if item in listed]
    assert answered(served, k=[MAX_K], allow_item_ids=[listed], **asked) == both[:MAX_K]


def test_categories_that_match_too_little_give_a_shorter_answer(served: Served) -> None:
    assert answered(served, allow_categories=[["Opera"]]) == []
    of_war = [item for item in IDS[:20] if "War" in CATEGORIES_OF[item]]
    short = answered(served, k=[30], allow_categories=[["War"]], allow_item_ids=[IDS[:20]])
    assert sorted(short) == sorted(of_war)


@pytest.mark.parametrize("k", [1, 5, 20, MAX_K])
@pytest.mark.parametrize("weight", [0.01, 0.1, 100.0])
def test_a_diverse_list_is_what_controllable_aggregation_chooses(
    served: Served, ranking: tuple[list[str], np.ndarray], k: int, weight: float
) -> None:
    """Out of four candidates for each place, but no more than the export's `max_k`."""
    items, scores = (part[: min(4 * k, MAX_K)] for part in ranking)
    matrix = np.array([[name in CATEGORIES_OF[item] for name in CATEGORIES] for item in items])
    places = aggregate_list(scores, matrix, weight, k)
    answer = served.run(history_item_ids=[HISTORY], k=[k], diversity_weight=[weight])
    assert [item.decode() for item in answer["item_ids"][0]] == [items[place] for place in places]
    np.testing.assert_allclose(answer["scores"][0], scores[places], atol=1e-6)


def test_a_diverse_list_is_chosen_among_what_is_allowed(served: Served) -> None:
    plain = answered(served, k=[MAX_K], allow_categories=[["War"]], filter_seen=[True])
    diverse = answered(served, k=[4], allow_categories=[["War"]], filter_seen=[True], diversity_weight=[1.0])
    assert set(diverse) <= set(plain[:16]) - {*HISTORY} and len(set(diverse)) == 4
    assert sorted(answered(served, diversity_weight=[9.0], allow_item_ids=[["item-9", "item-2"]])) == [
        "item-2",
        "item-9",
    ]


def test_rows_of_all_kinds_may_share_a_batch(served: Served) -> None:
    rows = [
        (["item-3"], 4, [], [], 0.0),
        (["item-3"], 4, [], [], 0.2),
        (["item-4"], 9, ["War"], [], 0.0),
        (["item-4"], 2, ["War", "Noir"], [], 1.0),
        (["item-5"], 5, [], IDS[40:60], 1.0),
        (["item-5"], 5, ["Drama"], IDS[40:60], 0.0),
        (["who?"], 3, ["Western"], [], 0.0),
        (["item-6"], 3, ["Opera"], [], 2.0),
    ]

    def inputs(chosen: list[tuple]) -> dict[str, object]:
        histories, lengths, names, allowed, weights = zip(*chosen, strict=True)
        padded = [[[*ids, *[""] * (20 - len(ids))] for ids in part] for part in (names, allowed)]
        return {
            "history_item_ids": histories,
            "k": lengths,
            "allow_categories": padded[0],
            "allow_item_ids": padded[1],
            "diversity_weight": weights,
        }

    together = served.run(**inputs(rows))["item_ids"]
    for row, answer in zip(rows, together, strict=True):
        alone = served.run(**inputs([row]))["item_ids"][0].tolist()
        assert answer.tolist() == [*alone, *[b""] * (9 - row[1])]
    assert together[0].tolist() != together[1].tolist()
    assert together[6, :3].tolist() == [b"item-9", b"item-10", b"item-11"], "a cold start is answered by popularity"


@pytest.mark.parametrize("weight", [-0.5, np.nan, np.inf])
def test_a_weight_that_is_none_is_an_argument_error(served: Served, weight: float) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="diversity_weight must be a finite number, 0 or more"):
        answered(served, diversity_weight=[weight])


def test_more_rows_of_categories_than_histories_are_refused(served: Served) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        answered(served, allow_categories=[["War"], ["Noir"]])


@pytest.mark.parametrize("inputs", [{"allow_categories": [["War"]]}, {"diversity_weight": [0.1]}], ids=str)
def test_an_export_without_categories_says_what_to_set(popularity: Served, inputs: dict[str, object]) -> None:
    assert answered(popularity, k=[2], allow_categories=[[""]], diversity_weight=[0.0]) == ["item-1", "item-2"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"exported without categories.*set data\.items_path"):
        answered(popularity, **inputs)


def test_a_floor_answers_by_categories_too(config: Config, vocabulary: Path, tmp_path: Path) -> None:
    save_exact(Popularity(NUM_ITEMS), vocabulary, config, tmp_path)
    floor = Served(tmp_path)
    assert answered(floor, k=[2], allow_categories=[["Western"]]) == ["item-9", "item-10"]
    # Rows 1 to 8 in binary are their categories; the first has none.
    assert answered(floor, k=[3], diversity_weight=[1.0]) == ["item-1", "item-2", "item-3"]
    floor.session.close()


def test_an_item_file_of_other_items_is_refused(config: Config, vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,category\nelsewhere,War\n")
    data = config.data.model_copy(update={"items_path": str(tmp_path / "items.csv")})
    with pytest.raises(ItemsError, match="no category for any item"):
        save_exact(Popularity(NUM_ITEMS), vocabulary, config.model_copy(update={"data": data}), tmp_path / "export")


def test_an_index_that_sees_a_part_answers_by_categories_exactly(
    config: Config, scorer: ModelScorer, vocabulary: Path
) -> None:
    categories = ItemCategories(catalogue_categories(config.data, IDS))
    index = IvfIndex(scorer.item_vectors.numpy(), num_candidates=MAX_K, leaves=30, leaves_to_search=1)
    partial, exact = (
        RecommenderModule(retriever, ItemVocabulary(vocabulary), MAX_K, categories)
        for retriever in (ApproximateRetriever(scorer, index, MAX_K), ExactRetriever(scorer))
    )
    request = Request(
        tf.constant([HISTORY, ["item-40", "item-50"]]),
        tf.constant([50]),
        exclude_ids=tf.constant([IDS[:100]]),
        filter_seen=tf.constant([False]),
        allow_ids=tf.constant([[""]]),
        num_steps=tf.constant([0]),
        seed=tf.constant([0]),
        allow_categories=tf.constant([["War"], ["Noir"]]),
        diversity_weight=tf.constant([0.0, 0.1]),
    )
    answers = [module.recommend(request)["item_ids"].numpy() for module in (partial, exact)]
    np.testing.assert_array_equal(*answers)
    assert (answers[0] != b"").all()

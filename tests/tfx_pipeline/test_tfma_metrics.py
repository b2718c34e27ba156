"""TFMA metrics through TFMA's own evaluation, against sums written out over lists, and against the benchmark's."""

from collections.abc import Callable
from itertools import combinations
from math import log2
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing import util
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.metrics import metric_types

from dimerec_tf.config import ConfigError, EvaluationConfig
from dimerec_tf.metrics.lists import summarise_lists
from dimerec_tf.metrics.ranking import summarise
from tfx_pipeline.evaluation import evaluation_config
from tfx_pipeline.tfma_metrics.combining import RetrievalMetric
from tfx_pipeline.tfma_metrics.lists import CategoryCount, Coverage, Diversity, Novelty, PopularityBias
from tfx_pipeline.tfma_metrics.retrieval import MRR, NDCG, HitRate, Recall

RNG = np.random.default_rng(9)
NUM_ITEMS, NUM_CATEGORIES, USERS, DEPTH = 60, 5, 200, 50
IDS = [f"item-{n}".encode() for n in range(1, NUM_ITEMS + 1)]
EVENTS = np.array([0, *np.sort(RNG.geometric(0.05, NUM_ITEMS) - 1)[::-1]])
MEMBERS = np.concatenate([np.zeros([1, NUM_CATEGORIES], bool), RNG.random([NUM_ITEMS, NUM_CATEGORIES]) < 0.3])
ROWS = np.stack([RNG.permutation(NUM_ITEMS)[:DEPTH] + 1 for _ in range(USERS)])
ROWS[:20, 40:] = 0  # lists that end before
TARGETS = [RNG.permutation(NUM_ITEMS)[: RNG.integers(1, 5)] + 1 for _ in range(USERS)]
RANKING = (HitRate, Recall, NDCG, MRR)
LISTS = (Coverage, Novelty, PopularityBias, CategoryCount, Diversity)


def _prediction(rows: np.ndarray) -> dict[str, np.ndarray]:
    numbers = [np.flatnonzero(MEMBERS[row]) + 1 for row in rows]
    categories = np.zeros([len(rows), NUM_CATEGORIES], np.int32)
    for place, own in enumerate(numbers):
        categories[place, : len(own)] = own
    return {
        "topk_item_id": np.array([IDS[row - 1] if row else b"" for row in rows], object),
        "topk_train_events": EVENTS[rows],
        "topk_categories": categories,
        "catalogue_items": np.array(NUM_ITEMS),
        "catalogue_train_events": np.array(EVENTS.sum()),
    }


def _extracts(targets: list[np.ndarray]) -> list[dict[str, Any]]:
    return [
        {
            tfma.LABELS_KEY: np.array([IDS[row - 1] for row in own], object),
            tfma.PREDICTIONS_KEY: _prediction(rows),
            tfma.EXAMPLE_WEIGHTS_KEY: np.array([1.0]),
            tfma.FEATURES_KEY: {},
            tfma.SLICE_KEY_TYPES_KEY: [(), (("parity", number % 2),)],
        }
        for number, (own, rows) in enumerate(zip(targets, ROWS, strict=True))
    ]


def _evaluate(config: tfma.EvalConfig, extracts: list[dict[str, Any]], check: Callable[[dict], None]) -> None:
    """Hands over the values by slice and metric's name."""

    def check_all(results):  # type: ignore[no-untyped-def]  # Beam would take annotations for its type hints
        check({slice_key: {key.name: value for key, value in values.items()} for slice_key, values in results})

    evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(eval_config=config)
    with beam.Pipeline() as pipeline:
        evaluations = pipeline | beam.Create(extracts) | evaluator.ptransform
        util.assert_that(evaluations[tfma.METRICS_KEY], check_all)


def _own_config(kinds: tuple[type[RetrievalMetric], ...], top_k: tuple[int, ...]) -> tfma.EvalConfig:
    """As a user of the library would write it."""
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(prediction_key="topk_item_id")],
        metrics_specs=tfma.metrics.specs_from_metrics([kind(top_k=k) for k in top_k for kind in kinds]),
        options=tfma.Options(include_default_metrics={"value": False}),
    )


SLICES = {(): slice(None), (("parity", 0),): slice(0, None, 2), (("parity", 1),): slice(1, None, 2)}


def test_accuracy_with_several_targets_is_what_the_sums_say() -> None:
    def check(found: dict) -> None:
        for slice_key, part in SLICES.items():
            for k in (1, 10, 50):
                cases = [
                    sorted(rows.tolist().index(row) + 1 if row in rows else 99 for row in own)
                    for rows, own in zip(ROWS[part], TARGETS[part], strict=True)
                ]
                expected = {
                    "HR": [float(ranks[0] <= k) for ranks in cases],
                    "Recall": [sum(rank <= k for rank in ranks) / len(ranks) for ranks in cases],
                    "MRR": [1 / ranks[0] if ranks[0] <= k else 0.0 for ranks in cases],
                    "NDCG": [
                        sum(1 / log2(1 + rank) for rank in ranks if rank <= k)
                        / sum(1 / log2(1 + rank) for rank in range(1, min(len(ranks), k) + 1))
                        for ranks in cases
                    ],
                }
                for name, values in expected.items():
                    assert found[slice_key][f"{name}@{k}"] == pytest.approx(sum(values) / len(values))

    _evaluate(_own_config(RANKING, (1, 10, 50)), _extracts(TARGETS), check)


def test_what_lists_are_like_is_what_the_sums_say() -> None:
    def check(found: dict) -> None:
        for slice_key, part in SLICES.items():
            for k in (1, 10, 50):
                lists = [[row for row in rows[:k] if row] for rows in ROWS[part].tolist()]
                every = [row for rows in lists for row in rows]
                named = [[set(np.flatnonzero(MEMBERS[row])) for row in rows] for rows in lists]
                distances = [
                    1 - len(one & other) / len(one | other)
                    for rows in named
                    for one, other in combinations(rows, 2)
                    if one | other
                ]
                bits = [-log2(max(EVENTS[row], 1) / EVENTS.sum()) for row in every]
                expected = {
                    "coverage": len(set(every)) / NUM_ITEMS,
                    "novelty": sum(bits) / len(every),
                    "popularity_bias": sum(EVENTS[row] for row in every) / len(every) / (EVENTS.sum() / NUM_ITEMS),
                    "categories": sum(len(set().union(*rows)) for rows in named) / len(named),
                    "diversity": sum(distances) / len(distances) if distances else 0.0,
                }
                for name, value in expected.items():
                    assert found[slice_key][f"{name}@{k}"] == pytest.approx(value)

    _evaluate(_own_config(LISTS, (1, 10, 50)), _extracts(TARGETS), check)


def test_the_pipeline_counts_what_the_benchmark_counts_with_intervals_around_it() -> None:
    """Coverage alone, which an interval would say nothing about, is a plain number."""
    first = [own[:1] for own in TARGETS]
    places = [np.flatnonzero(rows == own[0]) + 1.0 for rows, own in zip(ROWS, first, strict=True)]
    ranks = np.array([[found[0] if len(found) else np.inf] for found in places])
    expected = summarise(ranks, (10,)) | summarise_lists(ROWS, EVENTS, (10,), MEMBERS)

    def check(found: dict) -> None:
        assert found[()].pop("example_count") == USERS
        assert set(found[()]) == set(expected)
        for name, value in expected.items():
            if name.startswith("coverage"):
                assert found[()][name] == pytest.approx(value)
            else:
                assert found[()][name].unsampled_value == pytest.approx(value)
                assert 0 <= found[()][name].sample_standard_deviation < value

    _evaluate(evaluation_config(EvaluationConfig(top_k=(10,)), True, categories=True), _extracts(first), check)


def test_the_interval_of_a_rate_is_as_wide_as_its_binomial_deviation() -> None:
    """Its own deviation, from twenty random parts, is about a sixth."""
    hits = RNG.random(400) < 0.3
    one = _extracts(TARGETS)[0]
    extracts = [
        {
            **one,
            tfma.LABELS_KEY: np.array([IDS[ROWS[0][0] - 1] if hit else b"none"], object),
            tfma.SLICE_KEY_TYPES_KEY: [()],
        }
        for hit in hits
    ]
    config = evaluation_config(EvaluationConfig(top_k=(10,)), True, categories=False)

    def check(found: dict) -> None:
        rate = hits.mean()
        assert found[()]["HR@10"].unsampled_value == pytest.approx(rate)
        deviation = np.sqrt(rate * (1 - rate) / len(hits))
        assert 0.3 * deviation < found[()]["HR@10"].sample_standard_deviation < 2.5 * deviation

    _evaluate(config, extracts, check)


def test_diverse_lists_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^[^.]*evaluation\.diversity_weight 0\.5 is for `dimerec bench` only\.$"):
        evaluation_config(EvaluationConfig(diversity_weight=0.5), True, categories=False)


def _combiner(metric: RetrievalMetric, weighted: bool = False) -> beam.CombineFn:
    (computation,) = metric.computations(example_weighted=weighted)
    return computation.combiner


def _element(number: int, label: list[bytes], weight: float | None = None) -> metric_types.StandardMetricInputs:
    """One example whose model has the list as its only output."""
    return metric_types.StandardMetricInputs(
        label=np.array(label, object),
        prediction=_prediction(ROWS[number])["topk_item_id"],
        example_weight=None if weight is None else np.array([weight]),
    )


def _sum(combiner: beam.CombineFn, elements: list[metric_types.StandardMetricInputs]) -> Any:
    sums = combiner.create_accumulator()
    for element in elements:
        sums = combiner.add_input(sums, element)
    return sums


@pytest.mark.parametrize("label", [[], [b""]])
def test_no_target_is_an_error(label: list[bytes]) -> None:
    with pytest.raises(ValueError, match="needs a target id as label"):
        _sum(_combiner(HitRate(top_k=10)), [_element(0, label)])


@pytest.mark.parametrize(
    ("metric", "output"),
    [(Diversity, "topk_categories"), (Novelty, "catalogue_train_events"), (Coverage, "catalogue_items")],
)
def test_a_metric_says_which_output_a_model_lacks(metric: type[RetrievalMetric], output: str) -> None:
    with pytest.raises(ValueError, match=f"gives no output '{output}' beside the recommended ids"):
        _sum(_combiner(metric(top_k=10)), [_element(0, [IDS[0]])])


def test_padding_of_labels_and_targets_named_twice_do_not_count() -> None:
    best, third = (IDS[ROWS[0][place] - 1] for place in (0, 2))
    combiner = _combiner(Recall(top_k=1))
    (value,) = combiner.extract_output(_sum(combiner, [_element(0, [best, third, b"", best])])).values()
    assert value == 0.5


def test_example_weights_count() -> None:
    weights, hits = RNG.random(USERS), [own[0] in rows[:10] for rows, own in zip(ROWS, TARGETS, strict=True)]
    combiner = _combiner(HitRate(top_k=10), weighted=True)
    elements = [_element(number, [IDS[TARGETS[number][0] - 1]], weights[number]) for number in range(USERS)]
    (value,) = combiner.extract_output(_sum(combiner, elements)).values()
    assert value == pytest.approx(np.average(hits, weights=weights))


@pytest.mark.parametrize("kind", [*RANKING, *LISTS])
def test_parts_merge_in_any_order(kind: type[RetrievalMetric]) -> None:
    config = _own_config((kind,), (10,))
    (computation,) = kind(top_k=10).computations(eval_config=config)
    elements = [
        metric_types.StandardMetricInputs(
            label=extract[tfma.LABELS_KEY], prediction=extract[tfma.PREDICTIONS_KEY], example_weight=None
        )
        for extract in _extracts(TARGETS)
    ]
    (expected,) = computation.combiner.extract_output(_sum(computation.combiner, elements)).values()
    bounds = [(150, 200), (0, 60), (60, 150), (0, 0)]
    for order in ([0, 1, 2, 3], [3, 2, 0, 1]):
        parts = [_sum(computation.combiner, elements[slice(*bounds[index])]) for index in order]
        merged = computation.combiner.merge_accumulators(parts)
        assert list(computation.combiner.extract_output(merged).values()) == [pytest.approx(expected)]


@pytest.mark.parametrize("metric", [HitRate(top_k=7), Diversity(top_k=3), MRR(top_k=5, name="mine")])
def test_config_round_trip(metric: RetrievalMetric) -> None:
    twin = type(metric).from_config(metric.get_config())
    assert twin.get_config() == metric.get_config()

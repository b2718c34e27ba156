"""TFMA metrics through TFMA's own evaluation, against the numpy functions."""

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing import util
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.metrics import metric_types

from dimerec_tf.config import ConfigError, EvaluationConfig
from dimerec_tf.metrics.ranking import hit_rate, ndcg
from tfx_pipeline.evaluation import evaluation_config
from tfx_pipeline.tfma_metrics.retrieval import NDCG, HitRate, RankGainCombiner, target_rank

RNG = np.random.default_rng(9)
IDS = np.array([f"item-{n}".encode() for n in range(60)], dtype=object)
PREDICTIONS = np.stack([RNG.permutation(IDS)[:50] for _ in range(200)])
LABELS = RNG.choice(IDS, 200)
RANKS = np.array([[target_rank(label, row)] for label, row in zip(LABELS, PREDICTIONS, strict=True)])


def test_ranks_are_places_in_the_list() -> None:
    for label, row, rank in zip(LABELS, PREDICTIONS, RANKS[:, 0], strict=True):
        assert rank == (row.tolist().index(label) + 1 if label in row else np.inf)


@pytest.mark.parametrize("label", [np.array([]), np.array([b""], object), np.array([b"a", b"b"], object)])
def test_anything_but_one_target_is_an_error(label: np.ndarray) -> None:
    with pytest.raises(ValueError, match="exactly one target id"):
        target_rank(label, PREDICTIONS[0])


def _extracts() -> list[dict]:
    parity = [("parity", number % 2) for number in range(len(LABELS))]
    return [
        {
            tfma.LABELS_KEY: np.array([label], object),
            tfma.PREDICTIONS_KEY: prediction,
            tfma.EXAMPLE_WEIGHTS_KEY: np.array([1.0]),
            tfma.FEATURES_KEY: {},
            tfma.SLICE_KEY_TYPES_KEY: [(), (slice_key,)],
        }
        for label, prediction, slice_key in zip(LABELS, PREDICTIONS, parity, strict=True)
    ]


def test_tfma_computes_the_numpy_values_overall_and_by_slice() -> None:
    config = evaluation_config(EvaluationConfig(top_k=(10, 50)), judge=True)

    def check(results):  # type: ignore[no-untyped-def]  # Beam would take annotations for its type hints
        found = {slice_key: {key.name: value for key, value in values.items()} for slice_key, values in results}
        for slice_key, ranks in (((), RANKS), ((("parity", 0),), RANKS[::2]), ((("parity", 1),), RANKS[1::2])):
            for k in (10, 50):
                assert found[slice_key][f"HR@{k}"] == pytest.approx(hit_rate(ranks, k))
                assert found[slice_key][f"NDCG@{k}"] == pytest.approx(ndcg(ranks, k))

    evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(eval_config=config)
    with beam.Pipeline() as pipeline:
        evaluations = pipeline | beam.Create(_extracts()) | evaluator.ptransform
        util.assert_that(evaluations[tfma.METRICS_KEY], check)


def test_diverse_lists_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^[^.]*evaluation\.diversity_weight 0\.5 is for `dimerec bench` only\.$"):
        evaluation_config(EvaluationConfig(diversity_weight=0.5), judge=True)


def test_example_weights_count() -> None:
    weights = RNG.random(len(LABELS))
    combiner = RankGainCombiner(metric_types.MetricKey("HR@10", example_weighted=True), "HR", 10)
    sums = combiner.create_accumulator()
    for label, row, weight in zip(LABELS, PREDICTIONS, weights, strict=True):
        element = metric_types.StandardMetricInputs(
            label=np.array([label], object), prediction=row, example_weight=np.array([weight])
        )
        sums = combiner.add_input(sums, element)
    (value,) = combiner.extract_output(sums).values()
    assert value == pytest.approx(np.average(RANKS[:, 0] <= 10, weights=weights))


def test_parts_merge_in_any_order() -> None:
    combiner = RankGainCombiner(metric_types.MetricKey("NDCG@10"), "NDCG", 10)
    inputs = [
        metric_types.StandardMetricInputs(label=np.array([label], object), prediction=row, example_weight=None)
        for label, row in zip(LABELS, PREDICTIONS, strict=True)
    ]
    parts = []
    for start in (150, 0, 60):
        sums = combiner.create_accumulator()
        for element in inputs[start : {150: 200, 0: 60, 60: 150}[start]]:
            sums = combiner.add_input(sums, element)
        parts.append(sums)
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = combiner.merge_accumulators([parts[index] for index in order])
        assert list(combiner.extract_output(merged).values()) == [pytest.approx(ndcg(RANKS, 10))]


@pytest.mark.parametrize("metric", [HitRate(top_k=7), NDCG(top_k=3), HitRate(top_k=5, name="mine")])
def test_config_round_trip(metric: metric_types.Metric) -> None:
    twin = type(metric).from_config(metric.get_config())
    assert twin.get_config() == metric.get_config()

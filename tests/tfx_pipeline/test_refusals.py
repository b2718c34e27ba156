"""Thresholds, overall and on slices, through TFMA's own verdict, and the sentences that say why a model is refused."""

from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.config_evaluation import EvaluationConfig
from tfx_pipeline.evaluation import evaluation_config
from tfx_pipeline.refusals import refusals

RANKS = {"top 1%": [1, 1, 1, 99], "rest": [1, 99, 99, 99]}  # HR@10 is 0.75 and 0.25, overall 0.5
LISTED = np.array([f"i{place}".encode() for place in range(1, 11)], dtype=object)
CATALOGUE = {  # what the metrics of lists read beside the ids
    "catalogue_items": np.array(100),
    "catalogue_train_events": np.array(1000),
    "topk_train_events": np.full(10, 10),
}
WORSE = LISTED[::-1].copy()
WORSE[-1] = b"other"  # a list without i1, which is what the hits of RANKS are


def _extracts(lists: dict[str, np.ndarray]) -> list[dict]:
    predictions = {name: {"topk_item_id": ids, **CATALOGUE} for name, ids in lists.items()}
    return [
        {
            tfma.LABELS_KEY: np.array([f"i{rank}".encode()], object),
            tfma.PREDICTIONS_KEY: predictions if len(lists) > 1 else next(iter(predictions.values())),
            tfma.EXAMPLE_WEIGHTS_KEY: np.array([1.0]),
            tfma.FEATURES_KEY: {},
            tfma.SLICE_KEY_TYPES_KEY: [(), (("target_popularity", name),)],
        }
        for name, ranks in RANKS.items()
        for rank in ranks
    ]


def judge(folder: Path, lists: dict[str, np.ndarray], **settings: object) -> list[str]:
    """The sentences about models by these names, one of which may be the baseline."""
    config = evaluation_config(EvaluationConfig(top_k=(10,), **settings), judge=True, categories=False)
    compared = len(lists) > 1
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=compared, rubber_stamp=not compared)
    paths = {key: str(folder / key) for key in (tfma.METRICS_KEY, tfma.PLOTS_KEY, tfma.VALIDATIONS_KEY)}
    evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(eval_config=config)
    writer = metrics_plots_and_validations_writer.MetricsPlotsAndValidationsWriter(
        paths, config, add_metrics_callbacks=[]
    )
    with beam.Pipeline(argv=["--direct_running_mode=in_memory"]) as pipeline:
        _ = pipeline | beam.Create(_extracts(lists)) | evaluator.ptransform | writer.ptransform
    result = tfma.load_validation_result(str(folder))
    assert result.validation_ok == (not refusals(result))
    return refusals(result)


def test_a_slice_is_judged_by_its_own_thresholds(tmp_path):
    slices = [
        {"feature": "target_popularity", "value": "top 1%", "min_hit_rate_at_10": 0.7},
        {"feature": "target_popularity", "value": "rest", "min_hit_rate_at_10": 0.3},
    ]
    (sentence,) = judge(tmp_path, {"": LISTED}, min_hit_rate_at_10=0.5, slices=slices)
    assert sentence == "HR@10 of target_popularity=rest: its value, 0.2500, is below 0.3000."


def test_a_slice_that_falls_behind_the_last_blessed_model_is_refused(tmp_path):
    slices = [{"feature": "target_popularity", "value": "rest", "max_drop_at_10": 0.2}]
    lists = {"candidate": WORSE, "baseline": LISTED}
    overall, of_slice = judge(tmp_path / "refused", lists, max_drop_at_10=0.4, slices=slices)
    assert overall == "HR@10: its change against the last blessed model, -0.5000, is below -0.4000."
    assert of_slice == (
        "HR@10 of target_popularity=rest: its change against the last blessed model, -0.2500, is below -0.2000."
    )
    assert judge(tmp_path / "borne", lists, max_drop_at_10=0.6) == []


def test_the_floor_holds_overall(tmp_path):
    assert judge(tmp_path / "met", {"": LISTED}, min_hit_rate_at_10=0.5) == []
    (sentence,) = judge(tmp_path / "missed", {"": LISTED}, min_hit_rate_at_10=0.6)
    assert sentence == "HR@10: its value, 0.5000, is below 0.6000."


def test_a_slice_without_examples_cannot_be_judged(tmp_path):
    slices = [{"feature": "history_length", "value": "200+"}]
    (sentence,) = judge(tmp_path, {"": LISTED}, slices=slices)
    assert sentence == "The test split has no examples with history_length=200+ to judge the model by."


def test_a_slice_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigError, match=r"target_popularity is sliced into top 1%, .*, unknown, not 'rare'"):
        parse_config({"evaluation": {"slices": [{"feature": "target_popularity", "value": "rare"}]}})

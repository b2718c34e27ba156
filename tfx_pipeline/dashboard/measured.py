"""What the Evaluators measured, with TFMA's intervals."""

from pathlib import Path
from typing import Any, NamedTuple

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.view import util

CANDIDATE, BASELINE = tfma.constants.CANDIDATE_KEY, tfma.constants.BASELINE_KEY
DIFFERENCE = "_diff"


class Estimate(NamedTuple):
    """A metric's value and its 95 % interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def below(self) -> float:
        """How far the interval reaches down; 0 without one."""
        return 0.0 if self.low is None else self.value - self.low

    @property
    def above(self) -> float:
        """How far it reaches up."""
        return 0.0 if self.high is None else self.high - self.value


Estimates = dict[str, Estimate]


def load(evaluation: Path, model_name: str | None = None) -> tfma.EvalResult:
    """An Evaluator's output: of the only model or the candidate, unless the baseline is asked for."""
    return tfma.load_eval_result(str(evaluation), model_name=model_name)


def has_baseline(result: tfma.EvalResult) -> bool:
    return any(spec.is_baseline for spec in result.config.model_specs)


def estimates(result: tfma.EvalResult, slice_key: tuple = ()) -> Estimates:
    """Values by metric; a difference to the baseline is called `HR@10_diff`."""
    raw = result.get_metrics_for_slice(slice_key) or {}
    found = {name: _estimate(value) for name, value in raw.items()}
    return {name: estimate for name, estimate in found.items() if estimate}


def slices_of(result: tfma.EvalResult) -> list[str]:
    """The features by whose values examples are grouped."""
    return sorted({feature for key in result.get_slice_names() for feature, _ in key})


def slicing_view(result: tfma.EvalResult, feature: str) -> list[dict[str, Any]]:
    """What TFMA's slicing view takes: all examples, then those with each value of a feature."""
    spec = slicer_lib.SingleSliceSpec(columns=[feature])
    return util.get_slicing_metrics(result.slicing_metrics) + util.get_slicing_metrics(
        result.slicing_metrics, slicing_spec=spec
    )


def slicing_config(result: tfma.EvalResult) -> dict[str, str]:
    """The other thing that it takes."""
    return util.get_slicing_config(result.config)


def _estimate(value: dict[str, Any]) -> Estimate | None:
    if "doubleValue" in value:
        return Estimate(float(value["doubleValue"]))
    if "boundedValue" in value:
        bounded = value["boundedValue"]
        return Estimate(*(float(bounded.get(key, 0.0)) for key in ("value", "lowerBound", "upperBound")))
    return None

"""What the Evaluator counts and when it blesses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import Fraction, PositiveInt, Section

POPULARITY_SLICES = (0.01, 0.05, 0.2)
LENGTH_SLICES = (5, 20, 50, 200)
_LENGTH_STARTS = (0, *LENGTH_SLICES)

SLICE_NAMES = {
    "history_length": (
        *(f"{low}-{high - 1}" for low, high in zip(_LENGTH_STARTS, LENGTH_SLICES, strict=False)),
        f"{_LENGTH_STARTS[-1]}+",
    ),
    "target_popularity": (*(f"top {share:.0%}" for share in POPULARITY_SLICES), "rest", "unknown"),
}


class SliceThresholds(Section):
    """What HR@10 must be in one slice of the test split, named as the Evaluator names it, see `SLICE_NAMES`.

    `top 5%` are the items by popularity without those of `top 1%`. The `feature` has a `value`, which is the slice, and
    `min_hit_rate_at_10` and `max_drop_at_10` are as for all of the split.
    """

    feature: Literal["history_length", "target_popularity"]
    value: str
    min_hit_rate_at_10: Fraction = 0.0
    max_drop_at_10: Fraction = 1.0

    @model_validator(mode="after")
    def _is_a_slice(self) -> "SliceThresholds":
        names = SLICE_NAMES[self.feature]
        if self.value not in names:
            raise ValueError(f"{self.feature} is sliced into {', '.join(names)}, not {self.value!r}")
        return self


class EvaluationConfig(Section):
    """What the Evaluator counts and what it takes to be blessed.

    A model is blessed when its HR@10 reaches `min_hit_rate_at_10` and falls at most `max_drop_at_10` (absolute)
    behind the last blessed model's, and when it does so in each of `slices` too. A `diversity_weight` above 0 trades
    scores for lists of different categories, see `retrieval/controllable.py`; in benchmarks only, on data with an
    `items_path`. Of what is served each request says its own.

    Lists are as long as each of `top_k`. With `filter_seen` they leave out the items of the history. `rules_window` is
    how far apart two events are at most for sequential rules, the floor.
    """

    top_k: tuple[PositiveInt, ...] = (10, 20, 50)
    filter_seen: bool = False
    min_hit_rate_at_10: Fraction = 0.0
    max_drop_at_10: Fraction = 0.01
    rules_window: PositiveInt = 10
    diversity_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    slices: tuple[SliceThresholds, ...] = ()

    @model_validator(mode="after")
    def _has_ten(self) -> "EvaluationConfig":
        if 10 not in self.top_k:
            raise ValueError(f"top_k must contain 10, on which models are blessed, got {list(self.top_k)}")
        return self


EVALUATION_SWITCHES = ("slices",)

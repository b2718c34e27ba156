"""A search for better values of some keys of the configuration."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from dimerec_tf.config_base import PositiveInt, Section

OBJECTIVE = "NDCG@10"

Number = int | Annotated[float, Field(allow_inf_nan=False)]
Value = bool | int | float | str


class RangeConfig(Section):
    """Numbers from `low` to `high`, both included: whole ones if both are.

    They are drawn evenly (`linear`) or in their logarithms (`log`).
    """

    low: Number
    high: Number
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _is_a_range(self) -> "RangeConfig":
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, got {self.low}")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


def _of_one_kind(values: tuple[Value, ...]) -> tuple[Value, ...]:
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return tuple(float(value) for value in values)
    if len(kinds) > 1:
        raise ValueError(f"a list has values of one kind, got {list(values)}")
    return values


def _form(values: Any) -> str:
    return "range" if isinstance(values, dict | RangeConfig) else "list"


Dimension = Annotated[
    Annotated[RangeConfig, Tag("range")]
    | Annotated[tuple[Value, ...], Field(min_length=1), AfterValidator(_of_one_kind), Tag("list")],
    Discriminator(_form),
]
DEFAULT_SPACE: dict[str, Dimension] = {
    "training.learning_rate": RangeConfig(low=1e-3, high=1e-2, scale="log"),
    "model.dropout": RangeConfig(low=0.0, high=0.6),
    "model.dim": (32, 64, 128),
}


class TuningConfig(Section):
    """What `dimerec tune` tries, and with `in_pipeline` the pipeline before it trains.

    `space` has keys of the sections `model` and `training` with dots (`model.denoiser.dropout`), each with a list of
    values or a range. So many `trials` are made, each a training with the values that Gaussian process regression
    expects most of; the best is the one with the highest NDCG@10 on the validation split.
    """

    space: Annotated[dict[str, Dimension], Field(min_length=1)] = DEFAULT_SPACE
    trials: PositiveInt = 20
    in_pipeline: bool = False

    @model_validator(mode="after")
    def _of_model_and_training(self) -> "TuningConfig":
        for key in self.space:
            if key.split(".")[0] not in ("model", "training") or "." not in key:
                raise ValueError(f"space takes keys such as model.dropout and training.learning_rate, got {key}")
        return self

    def extremes(self) -> Iterator[tuple[str, Value]]:
        """Each key with every value of its list, or with both ends of its range."""
        for key, values in self.space.items():
            for value in (values.low, values.high) if isinstance(values, RangeConfig) else values:
                yield key, value

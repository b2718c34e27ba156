"""What the configurations of several baselines share; that of each kind is in the baseline's own file."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_model import DiffusionConfig, NegativesConfig, SequenceModelConfig


class SoftmaxModelConfig(SequenceModelConfig):
    """Models that learn by a sampled softmax; inner products are divided by `temperature`."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    negatives: NegativesConfig = NegativesConfig()


class TransformerModelConfig(SequenceModelConfig):
    """Models with a Transformer of so many `blocks`, each with so many attention `heads`."""

    blocks: PositiveInt
    heads: PositiveInt

    @model_validator(mode="after")
    def _heads_divide(self) -> "TransformerModelConfig":
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads, got {self.dim} and {self.heads}")
        return self


class GaussianDiffusionConfig(DiffusionConfig):
    """Diffusion off the sphere. What belongs to the walk on the sphere has one value."""

    reverse_steps: PositiveInt | None = None
    forward: Literal["matched"] = "matched"
    noised: Literal["target"] = "target"
    samples: Literal[1] = 1

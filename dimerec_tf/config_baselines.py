"""The baselines' part of the configuration: one class for each kind of model, see docs/baselines.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_model import DiffusionConfig, Dropout, NegativesConfig, ScheduleName, SequenceModelConfig, Weight


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


class GRU4RecConfig(SoftmaxModelConfig):
    """GRU4Rec (arXiv 1511.06939) with a sampled softmax; `hidden` is the width of each of the recurrent `layers`."""

    kind: Literal["gru4rec"]
    hidden: PositiveInt = 100
    layers: PositiveInt = 1


class SASRecConfig(TransformerModelConfig, SoftmaxModelConfig):
    """SASRec (arXiv 1808.09781).

    `loss` is `binary`, as its authors' (one negative for each target, which may be another item of the history;
    `negatives` does not apply to it), or a sampled `softmax`.
    """

    kind: Literal["sasrec"]
    dropout: Dropout = 0.2
    blocks: PositiveInt = 2
    heads: PositiveInt = 1
    loss: Literal["binary", "softmax"] = "softmax"


class ComiRecConfig(SoftmaxModelConfig):
    """ComiRec-SA and ComiRec-DR (arXiv 2005.09347): hard routing of `num_interests`, a sampled softmax.

    `extractor` is `self_attentive` (SA) or `dynamic_routing` (DR).
    """

    kind: Literal["comirec"]
    extractor: Literal["self_attentive", "dynamic_routing"] = "self_attentive"
    num_interests: PositiveInt = 4


class MINDConfig(SoftmaxModelConfig):
    """MIND (arXiv 1904.08030): dynamic routing to `num_interests` with a shared map; label-aware attention is sharper
    with `power`.
    """

    kind: Literal["mind"]
    num_interests: PositiveInt = 4
    power: Annotated[float, Field(gt=0)] = 2.0


class MultVAEConfig(SequenceModelConfig):
    """Mult-VAE (arXiv 1802.05814): a variational autoencoder of the bag of items.

    `dim` is the width of the latent vector and `hidden` that of the two layers around it. The KL divergence gains its
    weight `kl_weight` (the paper's beta) linearly over the first `anneal_steps` training steps. `max_history` cuts the
    training windows, and each is a bag of its own; the bag of a query is the whole history.
    """

    kind: Literal["mult_vae"]
    dim: PositiveInt = 200
    max_history: PositiveInt = 1000
    dropout: Dropout = 0.5
    item_start: Literal["random"] = "random"
    hidden: PositiveInt = 600
    kl_weight: Weight = 0.2
    anneal_steps: PositiveInt = 200_000


class DreamRecDiffusionConfig(GaussianDiffusionConfig):
    """DreamRec's walk."""

    num_steps: PositiveInt = 200
    schedule: ScheduleName = "exponential"


class DreamRecConfig(TransformerModelConfig):
    """DreamRec (arXiv 2310.20453): Gaussian diffusion of the next item, guided without a classifier.

    In training the guidance is left out with the probability `unconditional`; `guidance_weight` is the paper's w.
    """

    kind: Literal["dreamrec"]
    dropout: Dropout = 0.1
    item_start: Literal["random"] = "random"
    blocks: PositiveInt = 1
    heads: PositiveInt = 1
    unconditional: Annotated[float, Field(ge=0, lt=1)] = 0.1
    guidance_weight: Weight = 2.0
    diffusion: DreamRecDiffusionConfig = DreamRecDiffusionConfig()


class DiffuRecDiffusionConfig(GaussianDiffusionConfig):
    """DiffuRec's walk."""

    num_steps: PositiveInt = 32
    schedule: ScheduleName = "truncated_linear"


class DiffuRecConfig(TransformerModelConfig):
    """DiffuRec (arXiv 2304.00686): the noised target is added to every event of a Transformer; full softmax.

    `noise_weight` is the mean and the deviation of each coordinate of the paper's lambda. `embedding_dropout` acts on
    the vectors that the Transformer reads, `dropout` within it.
    """

    kind: Literal["diffurec"]
    dim: PositiveInt = 128
    dropout: Dropout = 0.1
    embedding_dropout: Dropout = 0.3
    blocks: PositiveInt = 4
    heads: PositiveInt = 4
    noise_weight: Weight = 0.001
    diffusion: DiffuRecDiffusionConfig = DiffuRecDiffusionConfig()

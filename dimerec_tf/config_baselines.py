"""The baselines' part of the configuration: one class for each kind of model, with its authors' defaults."""

from typing import Annotated, Literal

from pydantic import Field

from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_model import DiffusionConfig, NegativesConfig, SequenceModelConfig, Weight

Temperature = Annotated[float, Field(gt=0)]


class GRU4RecConfig(SequenceModelConfig):
    """GRU4Rec (arXiv 1511.06939) with a sampled softmax."""

    kind: Literal["gru4rec"]
    layers: PositiveInt = 1
    temperature: Temperature = 1.0
    negatives: NegativesConfig = NegativesConfig()


class SASRecConfig(SequenceModelConfig):
    """SASRec (arXiv 1808.09781): its own loss, one negative for each target, or a sampled softmax."""

    kind: Literal["sasrec"]
    blocks: PositiveInt = 2
    heads: PositiveInt = 1
    loss: Literal["binary", "softmax"] = "softmax"
    temperature: Temperature = 1.0
    negatives: NegativesConfig = NegativesConfig()


class ComiRecConfig(SequenceModelConfig):
    """ComiRec-SA and ComiRec-DR (arXiv 2005.09347): several interests, hard routing, a sampled softmax."""

    kind: Literal["comirec"]
    extractor: Literal["self_attentive", "dynamic_routing"] = "self_attentive"
    num_interests: PositiveInt = 4
    temperature: Temperature = 1.0
    negatives: NegativesConfig = NegativesConfig()


class MINDConfig(SequenceModelConfig):
    """MIND (arXiv 1904.08030): dynamic routing with a shared map, label-aware attention of the given power."""

    kind: Literal["mind"]
    num_interests: PositiveInt = 4
    power: Annotated[float, Field(gt=0)] = 2.0
    temperature: Temperature = 1.0
    negatives: NegativesConfig = NegativesConfig()


class MultVAEConfig(SequenceModelConfig):
    """Mult-VAE (arXiv 1802.05814): a variational autoencoder of the bag of items; `kl_weight` is beta."""

    kind: Literal["mult_vae"]
    hidden: PositiveInt = 600
    kl_weight: Weight = 0.2


class DreamRecConfig(SequenceModelConfig):
    """DreamRec (arXiv 2310.20453): Gaussian diffusion of the next item, guided without a classifier."""

    kind: Literal["dreamrec"]
    blocks: PositiveInt = 1
    heads: PositiveInt = 1
    unconditional: Annotated[float, Field(ge=0, lt=1)] = 0.1
    guidance_weight: Weight = 2.0
    diffusion: DiffusionConfig = DiffusionConfig(num_steps=200, schedule="exponential")


class DiffuRecConfig(SequenceModelConfig):
    """DiffuRec (arXiv 2304.00686): the noised target is added to every event of a Transformer; full softmax."""

    kind: Literal["diffurec"]
    blocks: PositiveInt = 4
    heads: PositiveInt = 4
    noise_weight: Weight = 0.001
    diffusion: DiffusionConfig = DiffusionConfig(num_steps=32, schedule="truncated_linear")

"""DimeRec's part of the configuration: every choice, with one set of defaults for sparse and dense logs.

The paper's own are the preset `paper`; docs/adr/0008 says why they differ.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import PositiveInt, Section
from dimerec_tf.named_parts import EXTRACTORS, SCHEDULES, NameIn

Weight = Annotated[float, Field(ge=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Beta = Annotated[float, Field(gt=0, lt=1)]
ScheduleName = Annotated[str, NameIn(SCHEDULES)]


class NegativesConfig(Section):
    """The `count` negatives of a sampled softmax that a batch shares.

    `uniform` draws every item alike, `log_uniform` by the rank of its frequency, `in_batch` takes the batch's targets,
    `mixed` half of each of `uniform` and `in_batch`, and `full` is the whole catalogue. All but `uniform` and `full`
    come with the log-q correction.
    """

    kind: Literal["uniform", "log_uniform", "in_batch", "mixed", "full"] = "mixed"
    count: PositiveInt = 512


class SequenceModelConfig(Section):
    """What every learned model has.

    `kind` names the model, see docs/baselines.md. `dim` is the width of item vectors. A model reads the latest
    `max_history` events, and longer training sequences are cut into windows of so many. `dropout` is the share of
    numbers left out between layers while it is trained. `item_start` says where the item table starts: at `random`
    vectors, or moved towards the `transitions` of training, see `training/item_start.py`.
    """

    kind: str
    dim: PositiveInt = 64
    max_history: PositiveInt = 50
    dropout: Dropout = 0.0
    item_start: Literal["random", "transitions"] = "random"


class BackboneConfig(Section):
    """What turns item vectors into the states that GEM reads.

    `none`, so nothing (the paper), or a causal `transformer` of so many `blocks`, each with so many attention `heads`.
    """

    kind: Literal["none", "transformer"] = "transformer"
    blocks: PositiveInt = 2
    heads: PositiveInt = 2


class GuidanceConfig(Section):
    """GEM (paper section 3.2).

    `rule` takes item vectors as they are: `most_recent`, or `package.module:function` for a rule of your own.
    `self_attentive` weighs events for each interest (ComiRec-SA).
    `dynamic_routing` has a map for each position and interest (ComiRec-DR), or one for all (`shared_map`, MIND), and
    `routing_iterations`. `mlp` is a plain perceptron over the padded history.
    `values_with_positions` is the other reading of the self-attentive equation, A^T (H + P). `sasrec` is an encoder of
    its own as large as the `backbone`, without dropout inside; the rule `most_recent` on a Transformer backbone is the
    same with it.
    """

    kind: Annotated[str, NameIn(EXTRACTORS)] = "rule"
    values_with_positions: bool = False
    routing_iterations: PositiveInt = 3
    shared_map: bool = False
    rule: str = "most_recent"


class DenoiserConfig(Section):
    """How guidance enters the denoiser, and the step embedding (paper section 3.3).

    `aggregation` makes one vector of the interests: all side by side (`concat`), their `mean`, a `weighted_mean` by a
    learned weight for each place, or `attention` by a query from the noised vector and the step. `step_embedding` is
    a `learned` table or `sinusoidal`.
    With `residual` a tenth of the denoiser's output is added to the aggregated guidance; not with `concat`, whose a(g)
    is wider. `dropout` acts on its hidden layer.
    """

    aggregation: Literal["concat", "mean", "weighted_mean", "attention"] = "weighted_mean"
    step_embedding: Literal["learned", "sinusoidal"] = "learned"
    residual: bool = True
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def _one_vector(self) -> "DenoiserConfig":
        if self.residual and self.aggregation == "concat":
            raise ValueError("residual needs aggregation mean, weighted_mean or attention, got concat")
        return self


class DiffusionConfig(Section):
    """The walk on the sphere (paper section 3.3; `num_steps` is T, `reverse_steps` how many of them are taken, null for
    all).

    `schedule` says how fast noise grows with the step, see `diffusion/schedule.py`; `beta_start` and `beta_end` belong
    to the two linear ones, for T = 1000. `forward` and `reverse_noise` say how far a step moves on the sphere, see
    `diffusion/walk.py`: `matched` so that both walks have the same marginals, `literal` as the paper prints them. A
    user has so many `samples`, each a reverse walk and a query of its own. `noised` is what the forward walk of
    training starts from: the `target`, as Algorithm 1 has it, or the model's own `estimate` of it from pure noise, as
    the reverse walk does; half of the steps are then T itself.
    """

    num_steps: PositiveInt = 50
    reverse_steps: PositiveInt | None = 1
    reverse_noise: Literal["matched", "literal", "none"] = "matched"
    forward: Literal["matched", "scaled", "literal"] = "matched"
    schedule: ScheduleName = "scaled_linear"
    beta_start: Beta = 1e-4
    beta_end: Beta = 0.02
    noised: Literal["target", "estimate"] = "estimate"
    samples: PositiveInt = 1

    @model_validator(mode="after")
    def _steps(self) -> "DiffusionConfig":
        if self.reverse_steps is not None and self.reverse_steps > self.num_steps:
            raise ValueError(f"reverse_steps is {self.reverse_steps}, more than num_steps, {self.num_steps}")
        if self.beta_start >= self.beta_end:
            raise ValueError(f"beta_start must be below beta_end, got {self.beta_start} and {self.beta_end}")
        return self


class DimeRecConfig(SequenceModelConfig):
    """DimeRec itself.

    `recon_weight` and `ssm_weight` are lambda and mu of the paper's total loss, where L_gem's weight is 1; Adam heeds
    their ratios only. `gem_weight` is another weight for L_gem. A loss of weight 0 is left out; one must stay. With
    `stop_recon_gradient` L_recon moves the estimate only, not the target's vector.

    GEM gives `num_interests` vectors, the paper's K.

    `sphere` says which vectors have unit length: `all` (x0, its estimate, and the item vectors of both softmaxes and
    the index), `dam_only` (x0 and its estimate, as Algorithm 1 prints) or `raw` (none: Gaussian diffusion of vectors
    times sqrt(dim), whose variance is that of its noise).
    `temperature` divides the inner products of queries of unit length, whose logits would otherwise be bounded; with
    `learned_temperature` it is where training starts from.
    `retrieval` is by the `next_interest` at the end of the reverse walk, or by GEM's `interests`, of which an item's
    best one counts; training does not depend on it.
    """

    kind: Literal["dimerec"] = "dimerec"
    dim: PositiveInt = 128
    max_history: PositiveInt = 100
    dropout: Dropout = 0.5
    item_start: Literal["random", "transitions"] = "transitions"
    num_interests: PositiveInt = 3
    temperature: Annotated[float, Field(gt=0)] = 0.15
    learned_temperature: bool = False
    gem_weight: Weight = 0.1
    recon_weight: Weight = 0.05
    ssm_weight: Weight = 1.0
    stop_recon_gradient: bool = True
    sphere: Literal["all", "dam_only", "raw"] = "dam_only"
    backbone: BackboneConfig = BackboneConfig()
    guidance: GuidanceConfig = GuidanceConfig()
    retrieval: Literal["next_interest", "interests"] = "next_interest"
    denoiser: DenoiserConfig = DenoiserConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    negatives: NegativesConfig = NegativesConfig()

    @model_validator(mode="after")
    def _heads_divide(self) -> "DimeRecConfig":
        if self.dim % self.backbone.heads:
            raise ValueError(f"dim must be a multiple of backbone.heads, got {self.dim} and {self.backbone.heads}")
        return self

    @model_validator(mode="after")
    def _some_loss(self) -> "DimeRecConfig":
        if not (self.gem_weight or self.recon_weight or self.ssm_weight):
            raise ValueError("one of gem_weight, recon_weight and ssm_weight must be above 0")
        if self.retrieval == "next_interest" and not (self.recon_weight or self.ssm_weight):
            raise ValueError("without recon_weight and ssm_weight DAM does not learn: retrieval must be interests")
        return self

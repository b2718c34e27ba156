"""ComiRec and MIND: several vectors for each user."""

from typing import Annotated, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import Field

from dimerec_tf.baselines.softmax_model import SoftmaxModel
from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_baselines import SoftmaxModelConfig
from dimerec_tf.layers.guidance.dynamic_routing import DynamicRoutingInterest
from dimerec_tf.layers.guidance.present import closest_interest, route_hard
from dimerec_tf.layers.guidance.self_attentive import SelfAttentiveInterest
from dimerec_tf.layers.transformer import drop


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


class ComiRec(SoftmaxModel):
    """Interests by self-attention or dynamic routing; the one closest to the target learns (arXiv 2005.09347).

    Retrieval scores an item by its best interest; the paper's controllable diversity is `retrieval/controllable.py`.

    Args: see `SoftmaxModel`.
    """

    config: ComiRecConfig

    def __init__(self, config: ComiRecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(config, counts, seed)
        kinds = {"self_attentive": SelfAttentiveInterest, "dynamic_routing": DynamicRoutingInterest}
        self.extractor = kinds[config.extractor](config.num_interests, config.max_history)
        self.query(tf.zeros([1, 1], tf.int64))

    def vectors_of(self, rows: tf.Tensor, all_prefixes: bool, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """See `SoftmaxModel`."""
        return self.extractor(drop(self.items(rows), self.config.dropout, dropout_seed), rows, all_prefixes)

    def read_out(self, vectors: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """See `SoftmaxModel`."""
        return route_hard(vectors, targets)

    def routed(self, windows: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel`."""
        is_target = windows[:, 1:] > 0
        vectors = tf.boolean_mask(tf.cast(self.vectors_of(windows[:, :-1], all_prefixes=True), tf.float32), is_target)
        return closest_interest(vectors, self.full_precision(tf.boolean_mask(windows[:, 1:], is_target)))


class MIND(SoftmaxModel):
    """Interests by dynamic routing with a shared map, then Dense-ReLU-Dense; label-aware attention (arXiv 1904.08030).

    Every user has the same number of interests; there is no user profile.

    Args: see `SoftmaxModel`.
    """

    config: MINDConfig

    def __init__(self, config: MINDConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(config, counts, seed)
        self.extractor = DynamicRoutingInterest(config.num_interests, config.max_history, shared_map=True)
        self.hidden = tf.keras.layers.Dense(4 * config.dim, activation="relu")
        self.output_layer = tf.keras.layers.Dense(config.dim)
        self.query(tf.zeros([1, 1], tf.int64))

    def vectors_of(self, rows: tf.Tensor, all_prefixes: bool, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """See `SoftmaxModel`."""
        capsules = self.extractor(drop(self.items(rows), self.config.dropout, dropout_seed), rows, all_prefixes)
        return self.output_layer(self.hidden(capsules))

    def read_out(self, vectors: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """See `SoftmaxModel`."""
        return attend_to_label(vectors, targets, self.config.power)


def attend_to_label(interests: tf.Tensor, target: tf.Tensor, power: float) -> tf.Tensor:
    """Mixes interests by how well they agree with the target: weights softmax(power <interest, target>).

    The paper prints softmax(pow(<interest, target>, power)), which has no value, or the wrong order, where agreement
    is negative. A factor instead of an exponent keeps what the paper says of it: even weights near 0, more to the
    better interest above, all to the best one at infinity.

    Args:
        interests: `[samples, interests, dim]`.
        target: `[samples, dim]`.
        power: above 0.

    Returns:
        `[samples, dim]`.
    """
    agreement = tf.einsum("skd,sd->sk", interests, target)
    return tf.einsum("sk,skd->sd", tf.nn.softmax(power * agreement), interests)

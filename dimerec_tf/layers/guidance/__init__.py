"""Guidance extraction (GEM): a history becomes a few interest vectors."""

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.layers.guidance.dynamic_routing import DynamicRoutingInterest
from dimerec_tf.layers.guidance.mlp import MLPInterest
from dimerec_tf.layers.guidance.rule import RuleInterest
from dimerec_tf.layers.guidance.sasrec import SASRecInterest
from dimerec_tf.layers.guidance.self_attentive import SelfAttentiveInterest


def build_guidance(config: DimeRecConfig) -> tf.keras.layers.Layer:
    """The extractor that `guidance.kind` names; all are called alike, see `SelfAttentiveInterest`."""
    guidance, count, length = config.guidance, config.num_interests, config.max_history
    if guidance.kind == "self_attentive":
        return SelfAttentiveInterest(count, length, guidance.values_with_positions)
    if guidance.kind == "dynamic_routing":
        return DynamicRoutingInterest(count, length, guidance.routing_iterations, guidance.shared_map)
    if guidance.kind == "rule":
        return RuleInterest(count, guidance.rule)
    if guidance.kind == "mlp":
        return MLPInterest(count, length)
    return SASRecInterest(count, length, config.backbone.blocks, config.backbone.heads)

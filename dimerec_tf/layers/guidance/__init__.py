"""Guidance extraction (GEM): a history becomes a few interest vectors."""

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.named_parts import EXTRACTORS, find


def build_guidance(config: DimeRecConfig) -> tf.keras.layers.Layer:
    """The extractor that `guidance.kind` names; all are made and called alike, see `SelfAttentiveInterest`."""
    return find(EXTRACTORS, config.guidance.kind).configured(config)

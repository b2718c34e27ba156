"""Transformer blocks in numpy, event by event; two heads."""

import numpy as np
import tensorflow as tf

from dimerec_tf.layers.transformer import TransformerBlocks


def norm(layer: tf.keras.layers.Layer, states: np.ndarray) -> np.ndarray:
    """A layer normalisation's answer, over the last axis."""
    mean, variance = states.mean(axis=-1, keepdims=True), states.var(axis=-1, keepdims=True)
    return (states - mean) / np.sqrt(variance + layer.epsilon) * layer.gamma.numpy() + layer.beta.numpy()


def attend(layer: tf.keras.layers.Layer, states: np.ndarray, causal: bool) -> np.ndarray:
    """Two heads, `[events, dim]` to the same, event by event."""
    query, key, value, output = (weight.numpy() for weight in layer.weights)
    attended = np.zeros_like(states)
    for event, head in np.ndindex(len(states), 2):
        seen = states[: event + 1] if causal else states
        logits = (seen @ key[:, head]) @ (states[event] @ query[:, head]) / np.sqrt(key.shape[2])
        weights = np.exp(logits) / np.exp(logits).sum()
        attended[event] += (weights @ (seen @ value[:, head])) @ output[head]
    return attended


def blocks(layer: TransformerBlocks, states: np.ndarray) -> np.ndarray:
    """`[events, dim]`, without padding, to the same."""
    for block in range(layer.num_blocks):
        attended = attend(layer.attentions[block], norm(layer.norms[2 * block], states), layer.causal)
        states = states + attended
        first, second = layer.hiddens[block], layer.outputs_[block]
        hidden = norm(layer.norms[2 * block + 1], states) @ first.kernel.numpy() + first.bias.numpy()
        change = tf.nn.gelu(hidden).numpy() @ second.kernel.numpy() + second.bias.numpy()
        states = states + change
    return states

"""The interests of all prefixes: block by block against one softmax for each prefix."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.layers.prefix_softmax import prefix_means
from dimerec_tf.layers.prefixes import masked_softmax, visible_events
from dimerec_tf.measuring.timing import medians
from dimerec_tf.training_benchmark.steps import DIM, SEED

INTERESTS = 4
EVENTS = 6_400  # of all histories together
HISTORIES = (50, 100, 200, 400, 800)

Means = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def prefix_rows(repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of the means and their gradients for 6,400 events in histories of several lengths."""
    return [_row(history, repeats) for history in HISTORIES]


def _row(history: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    shape = (EVENTS // history, history)
    logits = tf.constant(rng.normal(size=(*shape, INTERESTS)), tf.float32)
    values = tf.constant(rng.normal(size=(*shape, DIM)), tf.float32)
    mask = tf.ones(shape, tf.bool)
    ways = {"blocks_ms": _with_gradients(prefix_means), "each_prefix_ms": _with_gradients(_each_prefix)}
    parts = {name: lambda number, way=way: way(logits, values, mask) for name, way in ways.items()}
    for part in parts.values():
        part(0)
    return {"history": history, **medians(parts, repeats)}


def _with_gradients(means: Means) -> Callable[..., Any]:
    @tf.function
    def both(logits: tf.Tensor, values: tf.Tensor, mask: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([logits, values])
            total = tf.reduce_sum(means(logits, values, mask) ** 2)
        return tape.gradient(total, [logits, values])

    return lambda *inputs: [gradient.numpy() for gradient in both(*inputs)]


def _each_prefix(logits: tf.Tensor, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    weights = masked_softmax(logits[:, tf.newaxis], visible_events(mask)[..., tf.newaxis], axis=2)
    return tf.einsum("bpnk,bnd->bpkd", weights, values)

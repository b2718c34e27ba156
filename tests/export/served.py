"""The exports of the tests in a session, as TF Serving runs them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

NUM_ITEMS = 300
IDS = [f"item-{row}" for row in range(1, NUM_ITEMS + 1)]
CATEGORIES = ("Drama", "Noir", "War", "Western")
TRAIN_EVENTS = np.array([0, *range(NUM_ITEMS + 1, 1, -1)])
# Of every 16 items one has none of the four, one has all, and so on.
CATEGORIES_OF = {item: [name for bit, name in enumerate(CATEGORIES) if row >> bit & 1] for row, item in enumerate(IDS)}


class Served:
    """A SavedModel loaded with the tag `serve`; tensors are fed and fetched by name.

    What an input list leaves out is fed with the signature's default, as a server does: the session prepares its graph
    once for each signature, and not for each choice of inputs.
    """

    def __init__(self, path: Path) -> None:
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            self.meta_graph = tf.compat.v1.saved_model.load(self.session, ["serve"], str(path))

    def run(self, signature: str = "serving_default", **inputs: object) -> dict[str, np.ndarray]:
        definition = self.meta_graph.signature_def[signature]
        defaults = {name: tf.make_ndarray(value) for name, value in definition.defaults.items()}
        feed = {definition.inputs[name].name: value for name, value in {**defaults, **inputs}.items()}
        return self.session.run({name: info.name for name, info in definition.outputs.items()}, feed)


def example(**features: Sequence[str] | int | float) -> bytes:
    """A serialised tf.Example of ids and numbers."""
    message = tf.train.Example()
    for name, value in features.items():
        if isinstance(value, int):
            message.features.feature[name].int64_list.value.append(value)
        elif isinstance(value, float):
            message.features.feature[name].float_list.value.append(value)
        else:
            message.features.feature[name].bytes_list.value.extend(item.encode() for item in value)
    return message.SerializeToString()

"""Parts that a configuration chooses by name, and where they are: one more is a file and a line here.

Where is said as text, so that a configuration is read and checked without TensorFlow.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, core_schema

MODELS = {
    "dimerec": "dimerec_tf.models.dimerec:DimeRec",
    "gru4rec": "dimerec_tf.baselines.gru4rec:GRU4Rec",
    "sasrec": "dimerec_tf.baselines.sasrec:SASRec",
    "comirec": "dimerec_tf.baselines.multi_interest:ComiRec",
    "mind": "dimerec_tf.baselines.multi_interest:MIND",
    "mult_vae": "dimerec_tf.baselines.mult_vae:MultVAE",
    "dreamrec": "dimerec_tf.baselines.dreamrec:DreamRec",
    "diffurec": "dimerec_tf.baselines.diffurec:DiffuRec",
}
SCHEDULES = {
    "scaled_linear": "dimerec_tf.diffusion.schedule:scaled_linear",
    "truncated_linear": "dimerec_tf.diffusion.schedule:truncated_linear",
    "cosine": "dimerec_tf.diffusion.schedule:cosine",
    "sqrt": "dimerec_tf.diffusion.schedule:sqrt",
    "exponential": "dimerec_tf.diffusion.schedule:exponential",
}
EXTRACTORS = {
    "self_attentive": "dimerec_tf.layers.guidance.self_attentive:SelfAttentiveInterest",
    "dynamic_routing": "dimerec_tf.layers.guidance.dynamic_routing:DynamicRoutingInterest",
    "rule": "dimerec_tf.layers.guidance.rule:RuleInterest",
    "mlp": "dimerec_tf.layers.guidance.mlp:MLPInterest",
    "sasrec": "dimerec_tf.layers.guidance.sasrec:SASRecInterest",
}
INDEXES = {
    "ivf": "dimerec_tf.retrieval.ivf:IvfIndex",
    "scann": "dimerec_tf.retrieval.scann:ScannIndex",
}


@dataclass(frozen=True)
class NameIn:
    """Of a key whose value is one of these names: `Annotated[str, NameIn(SCHEDULES)]`."""

    parts: Mapping[str, str]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.literal_schema(list(self.parts))


def find(parts: Mapping[str, str], name: str) -> Any:
    """Imports the part of this name.

    Raises:
        ImportError: a library that the part needs is not installed.
    """
    module, _, attribute = parts[name].partition(":")
    return getattr(importlib.import_module(module), attribute)

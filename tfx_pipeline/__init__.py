"""The TFX pipeline around DimeRec; importing it chooses Keras 2 first, as `dimerec_tf` does."""

from importlib import import_module
from typing import Any

import dimerec_tf  # noqa: F401

ARTIFACTS = ("ItemIndex", "Recommendations")


def __getattr__(name: str) -> Any:
    """The artifacts, under the names that their types have; imported when they are asked for, since TFX is heavy."""
    if name in ARTIFACTS:
        return getattr(import_module("tfx_pipeline.artifacts"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

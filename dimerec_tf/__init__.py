"""DimeRec: next-interest retrieval with TensorFlow (arXiv 2408.12153).

The names below are the library's public ones, see docs/library.md; modules under the package may change between minor
versions. Importing the package chooses Keras 2 (`tf_keras`) for TensorFlow, which TensorFlow Recommenders needs, and
nothing else: TensorFlow itself loads with the first of the names that need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dimerec_tf._keras import choose_legacy_keras
from dimerec_tf.config import Config, ConfigError, load_config, load_preset, parse_config
from dimerec_tf.errors import DimeRecError

if TYPE_CHECKING:
    from dimerec_tf.evaluation.benchmark import Benchmark
    from dimerec_tf.export.load import load_model
    from dimerec_tf.export.save import save_exact
    from dimerec_tf.models.dimerec import DimeRec
    from dimerec_tf.retrieval.exact import ModelScorer
    from dimerec_tf.training.fit import fit
    from dimerec_tf.training.sequences import Sequences

choose_legacy_keras()

__version__ = "0.2.0"  # its only place; setup.py reads it
__all__ = [
    "Benchmark",
    "Config",
    "ConfigError",
    "DimeRec",
    "DimeRecError",
    "ModelScorer",
    "Sequences",
    "fit",
    "load_config",
    "load_model",
    "load_preset",
    "parse_config",
    "save_exact",
]
_NEEDING_TENSORFLOW = {
    "Benchmark": "evaluation.benchmark",
    "DimeRec": "models.dimerec",
    "ModelScorer": "retrieval.exact",
    "Sequences": "training.sequences",
    "fit": "training.fit",
    "load_model": "export.load",
    "save_exact": "export.save",
}


def __getattr__(name: str) -> object:
    if name not in _NEEDING_TENSORFLOW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEEDING_TENSORFLOW[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

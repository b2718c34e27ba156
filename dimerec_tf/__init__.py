"""DimeRec: next-interest retrieval with TensorFlow (arXiv 2408.12153).

Importing the package chooses Keras 2 (`tf_keras`) for TensorFlow, which TensorFlow Recommenders needs, and nothing
else: TensorFlow itself loads with the first model.
"""

from dimerec_tf._keras import choose_legacy_keras
from dimerec_tf.config import Config, ConfigError, load_config, load_preset

choose_legacy_keras()

__version__ = "0.1.0"
__all__ = ["Config", "ConfigError", "load_config", "load_preset"]

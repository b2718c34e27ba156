"""Makes sure that `tf.keras` is Keras 2, before anything of ours touches it."""

import importlib.util
import sys
from pathlib import Path

from dimerec_tf.environment import LEGACY_KERAS, request_legacy_keras

MISSING = (
    "dimerec_tf needs Keras 2, which the package tf_keras carries and which is not installed. "
    "Install it beside TensorFlow 2.16: pip install 'tf-keras==2.16.0'."
)


def choose_legacy_keras() -> None:
    """Selects `tf_keras` for TensorFlow.

    Raises:
        ImportError: `tf_keras` is missing, or TensorFlow already runs with Keras 3.
        SystemExit: `tf_keras` is missing, and this is the `dimerec` command, which imports the package before it can
            catch anything.
    """
    if importlib.util.find_spec("tf_keras") is None:
        if Path(sys.argv[0]).stem == "dimerec":
            sys.exit(f"error: {MISSING}")
        raise ImportError(MISSING)
    request_legacy_keras()
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not hasattr(tensorflow, "keras"):
        return
    layer = tensorflow.keras.layers.Layer
    if not layer.__module__.startswith("tf_keras"):
        raise ImportError(
            f"dimerec_tf needs Keras 2, but TensorFlow is already running with Keras 3 (from {layer.__module__}). "
            f"Import dimerec_tf before tensorflow, or set {LEGACY_KERAS}=1 before Python starts."
        )

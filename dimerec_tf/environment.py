"""The one place that reads or writes environment variables."""

import os
from pathlib import Path

LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


def cache_dir() -> Path:
    """Where downloads are kept: `DIMEREC_CACHE_DIR`, else `dimerec` in the user's cache directory."""
    explicit = os.environ.get("DIMEREC_CACHE_DIR")
    if explicit:
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dimerec"


def request_legacy_keras() -> None:
    """Asks TensorFlow, if it is not loaded yet, to use the `tf_keras` package as `tf.keras`."""
    os.environ[LEGACY_KERAS] = "1"


def silence_native_logs() -> None:
    """Keeps TensorFlow's C++ start-up lines off the terminal, unless the user chose a level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def disable_onednn() -> None:
    """Keeps TensorFlow, if it is not loaded yet, from oneDNN's kernels, unless the user chose.

    In TensorFlow 2.16 its batch normalisation, to which Keras's layer normalisation compiles, writes outside of its
    memory when two threads run one graph with different batch sizes at the same time.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

"""ScaNN, which need not be there and is built for one release of TensorFlow.

One that does not fit fails with a linker's message. Only what needs ScaNN may end by that, and with a sentence.
"""

import sys
from collections.abc import Collection
from importlib import import_module, metadata
from typing import Any

from dimerec_tf.errors import DimeRecError

_LONGEST_REASON = 200
_WAY_ON = "Install it (pip install 'scann==1.3.2'), or do without: export.indexes: [ivf] needs no ScaNN."


class ScannUnusable(DimeRecError, ImportError):
    """ScaNN is not installed, or does not fit the installed TensorFlow."""


def scann_module(name: str) -> Any:
    """Imports `scann` or a module of it, which brings its ops to TensorFlow.

    Raises:
        ScannUnusable: it cannot be imported.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ScannUnusable(f"ScaNN is needed here, and not installed ({error}). {_WAY_ON}") from error
    except Exception as error:  # TensorFlow's own NotFoundError, OSError or ImportError, as the linker has it
        reason = (str(error).splitlines() or [type(error).__name__])[0][:_LONGEST_REASON]
        raise ScannUnusable(f"{_versions()} do not fit together ({reason}). {_WAY_ON}") from error


def require_scann(indexes: Collection[str]) -> None:
    """To be called before any work, with the names of the indexes that it ends in.

    Raises:
        ScannUnusable: `scann` is among them, and ScaNN cannot be imported.
    """
    if "scann" in indexes:
        scann_module("scann")


def recommenders() -> Any:
    """TensorFlow Recommenders, which imports a ScaNN that is there, without one that does not fit."""
    try:
        scann_module("scann")
    except ScannUnusable:
        kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "scann"}
        sys.modules["scann"] = None  # type: ignore[assignment]  # to `import`: not there
        try:
            return import_module("tensorflow_recommenders")
        finally:
            del sys.modules["scann"]
            sys.modules.update(kept)
    return import_module("tensorflow_recommenders")


def _versions() -> str:
    return " and ".join(
        f"{title} {_version(name)}" for title, name in (("ScaNN", "scann"), ("TensorFlow", "tensorflow"))
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "of an unknown version"

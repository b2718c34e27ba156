"""Where the exports of a trained model lie."""

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from dimerec_tf.named_parts import INDEXES


def exact_export(models: list[Artifact]) -> str:
    """The address of the exact export of a component's input `model`."""
    return str(path_utils.serving_model_path(artifact_utils.get_single_uri(models)))


def exports_of(models: list[Artifact]) -> dict[str, str]:
    """Addresses by what follows on the model's name where they are served: '' is the exact export, `_ivf` and `_scann`
    those with an index beside it, of which each may be missing.
    """
    exact = exact_export(models)
    indexed = {f"_{index}": f"{exact}-{index}" for index in INDEXES}
    return {"": exact, **{suffix: address for suffix, address in indexed.items() if fileio.isdir(address)}}

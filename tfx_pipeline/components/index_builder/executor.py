"""Builds, tunes and measures the indexes of an exact export, and writes them with the model and without it."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.export.item_index import save_item_index
from dimerec_tf.export.load import catalogue_file, load_model, read_record
from dimerec_tf.export.push import index_folder
from dimerec_tf.export.recall import HISTORIES, sample_histories
from dimerec_tf.export.save import save_indexed
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.training.sequences import Sequences
from tfx_pipeline.examples import sample_sequences
from tfx_pipeline.exports import exact_export
from tfx_pipeline.places import here, written_here

FACTS = ("index_settings", "index_recall", "index_build_seconds", "bytes")


class Executor(BaseExecutor):
    """See `IndexBuilder` and `ItemIndex`."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the class.

        Raises:
            ImportError: a ScaNN index is to be built, and ScaNN is not installed.
            ExportUnusable: the model cannot be read back from its export.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        index, model = (artifact_utils.get_single_instance(output_dict[name]) for name in ("index", "model"))
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        with TemporaryDirectory() as folder, written_here(index.uri) as index_dir, written_here(model.uri) as model_dir:
            exact = here(exact_export(input_dict["trained_model"]), Path(folder))
            served = Path(path_utils.serving_model_dir(str(model_dir)))
            shutil.copytree(exact, served)
            _build(exact, served, index_dir, examples, index)


def _build(exact: Path, served: Path, index_dir: Path, examples: str, artifact: Artifact) -> None:
    """Writes an export with each index beside the served one, and the index alone to its own directory."""
    config, facts = read_record(exact)
    loaded, catalogue = load_model(exact), catalogue_file(exact)
    scorer = ModelScorer(loaded.model)
    vectors = scorer.item_vectors.numpy()
    histories = _training_histories(examples, loaded.ids, config.model.max_history)
    recorded = {}
    for name in config.export.indexes:
        path = index_folder(served, name)
        retriever = save_indexed(name, scorer, histories, catalogue, config, path)
        save_item_index(retriever.index, catalogue, vectors.shape[1], index_dir / name)
        recorded[name] = {fact: read_record(path).facts[fact] for fact in FACTS}
    np.save(index_dir / "item_vectors.npy", vectors)
    shutil.copy(catalogue, index_dir / "item_ids.txt")
    target = config.export.target_recall
    record = {
        "items": len(vectors),
        "catalogue_sha256": facts["catalogue_sha256"],
        "target_recall": target,
        "indexes": recorded,
    }
    (index_dir / "index.json").write_text(json.dumps(record, indent=2))
    size = sum(file.stat().st_size for file in index_dir.rglob("*") if file.is_file())
    artifact.set_int_custom_property("items", len(vectors))
    artifact.set_string_custom_property("catalogue_sha256", facts["catalogue_sha256"])
    artifact.set_float_custom_property("target_recall", target)
    artifact.set_float_custom_property("recall", min(entry["index_recall"]["recall"] for entry in recorded.values()))
    artifact.set_float_custom_property("build_seconds", sum(one["index_build_seconds"] for one in recorded.values()))
    artifact.set_int_custom_property("bytes", size)


def _training_histories(examples: str, ids: list[str], max_history: int) -> NDArray[np.int64]:
    encoder = Encoder(ids)
    sampled = sample_sequences(examples, "train", HISTORIES)
    return sample_histories(
        Sequences.from_lists([encoder.encode([*history, target]) for _, history, target in sampled]), max_history
    )

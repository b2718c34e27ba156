"""Writes a recommender as a SavedModel with a record of what it is."""

import hashlib
import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from dimerec_tf.config import Config
from dimerec_tf.export.signatures import RecommenderModule
from dimerec_tf.features import ItemVocabulary
from dimerec_tf.retrieval.exact import ExactRetriever, Retriever, Scorer

RECORD = "assets.extra/dimerec.json"


def save_exact(scorer: Scorer, vocabulary_file: Path, config: Config, path: Path) -> None:
    """Exports with core TensorFlow ops only: stock TF Serving loads it."""
    _save(ExactRetriever(scorer), vocabulary_file, config, path, {"index": "exact"})


def save_scann(scorer: Any, vocabulary_file: Path, config: Config, path: Path) -> None:
    """Exports with a ScaNN index, whose recall is recorded: needs a server that has ScaNN's op library.

    Raises:
        ImportError: ScaNN is not installed.
    """
    from dimerec_tf.export.recall import index_recall
    from dimerec_tf.retrieval.scann import ScannRetriever

    export = config.export
    retriever = ScannRetriever(scorer, export.max_k, export.scann_leaves, export.scann_leaves_to_search)
    _save(retriever, vocabulary_file, config, path, {"index": "scann", "index_recall": index_recall(retriever)})


def _save(retriever: Retriever, vocabulary_file: Path, config: Config, path: Path, index: dict[str, Any]) -> None:
    module = RecommenderModule(
        retriever,
        ItemVocabulary(vocabulary_file),
        config.export.max_k,
        config.export.default_k,
        max(config.evaluation.top_k),
        config.evaluation.filter_seen,
    )
    tf.saved_model.save(
        module,
        str(path),
        signatures=module.signatures(),
        options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]),
    )
    record = path / RECORD
    record.parent.mkdir(exist_ok=True)
    record.write_text(json.dumps(_describe(vocabulary_file, module.vocabulary.num_items, config, index), indent=2))


def _describe(vocabulary_file: Path, num_items: int, config: Config, index: dict[str, Any]) -> dict[str, Any]:
    return {
        **index,
        "items": num_items,
        "catalogue_sha256": hashlib.sha256(vocabulary_file.read_bytes()).hexdigest(),
        "config_fingerprint": config.fingerprint(),
        "config": config.model_dump(mode="json"),
        "tensorflow": tf.__version__,
    }

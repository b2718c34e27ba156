"""Writes a recommender as a SavedModel with warm-up requests and a record of what it is."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config import Config, DataConfig, IndexName
from dimerec_tf.data.items import catalogue_categories
from dimerec_tf.export.evaluation import evaluator_signatures
from dimerec_tf.export.indexes import indexed_retriever
from dimerec_tf.export.module import RecommenderModule
from dimerec_tf.export.recall import index_recall
from dimerec_tf.export.signatures import serving_signatures
from dimerec_tf.export.warmup import write_warmup
from dimerec_tf.features import ItemVocabulary
from dimerec_tf.retrieval.approximate import ApproximateRetriever
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, Scorer

RECORD = "assets.extra/dimerec.json"


def save_exact(
    scorer: Scorer,
    vocabulary_file: Path,
    config: Config,
    path: Path,
    train_events: NDArray[np.int64] | None = None,
) -> None:
    """Exports with core TensorFlow ops only: stock TF Serving loads it. With categories if there is an item file.

    Args:
        scorer: what recommends.
        vocabulary_file: the catalogue.
        config: `export` says how.
        path: where the SavedModel goes.
        train_events: how many training events each row has, `[num_items + 1]`; without them an Evaluator cannot count
            how popular recommended items are.

    Raises:
        ItemsError: there is one and it cannot be used.
    """
    _save(ExactRetriever(scorer), vocabulary_file, config, path, {"index": "exact"}, train_events)


def save_indexed(
    index: IndexName,
    scorer: ModelScorer,
    histories: NDArray[np.int64],
    vocabulary_file: Path,
    config: Config,
    path: Path,
) -> ApproximateRetriever:
    """Exports with an index, whose settings, time to build and recall are recorded.

    `ivf` has core TensorFlow ops only; `scann` needs a server that has ScaNN's op library.

    Args:
        index: which one.
        scorer: the trained model.
        histories: rows `[histories, length]`, for which the index is tuned and measured, see `sample_histories`.
        vocabulary_file: the catalogue.
        config: `export` says how.
        path: where the SavedModel goes.

    Returns:
        What was exported.

    Raises:
        ScannUnusable: `scann`, and ScaNN cannot be imported.
        ItemsError: as for `save_exact`.
    """
    started = time.monotonic()
    retriever = indexed_retriever(index, scorer, config.export, histories)
    seconds = round(time.monotonic() - started, 1)
    facts = {
        "index": index,
        "index_settings": retriever.index.settings,
        "index_recall": index_recall(retriever, histories),
        "index_build_seconds": seconds,
    }
    _save(retriever, vocabulary_file, config, path, facts)
    return retriever


def _save(
    retriever: ExactRetriever | ApproximateRetriever,
    vocabulary_file: Path,
    config: Config,
    path: Path,
    index: dict[str, Any],
    train_events: NDArray[np.int64] | None = None,
) -> None:
    vocabulary = ItemVocabulary(vocabulary_file)
    categories = _categories(config.data, vocabulary)
    module = RecommenderModule(retriever, vocabulary, config.export.max_k, categories, train_events)
    signatures = serving_signatures(module, config.export.default_k)
    signatures |= evaluator_signatures(signatures["serving_default"], module, config.evaluation)
    tf.saved_model.save(
        module,
        str(path),
        signatures=signatures,
        options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]),
    )
    write_warmup(path, module, config)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    description = {
        **index,
        "bytes": size,
        "items": vocabulary.num_items,
        "withdrawn_items": vocabulary.num_items - module.num_candidates,
        "categories": categories.count if categories else 0,
        "catalogue_sha256": hashlib.sha256(vocabulary_file.read_bytes()).hexdigest(),
        "config_fingerprint": config.fingerprint(),
        "config": config.model_dump(mode="json"),
        "tensorflow": tf.__version__,
    }
    (path / RECORD).write_text(json.dumps(description, indent=2))


def _categories(data: DataConfig, vocabulary: ItemVocabulary) -> ItemCategories | None:
    if not data.items_path:
        return None
    ids = [item.decode() for item in vocabulary.ids[1:].numpy()]
    return ItemCategories(catalogue_categories(data, ids))

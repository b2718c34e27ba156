"""Exports a model again with another catalogue, without training."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dimerec_tf.config import Config
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.export.catalogue_changes import Catalogue, ChangeRefused, NewItem
from dimerec_tf.export.load import catalogue_file, load_model, read_record
from dimerec_tf.export.recall import sample_histories
from dimerec_tf.export.save import RECORD, save_exact, save_indexed
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.training.sequences import Sequences


def refresh(
    version: Path,
    withdrawn: Sequence[str],
    new: Sequence[NewItem],
    histories: Sequence[Sequence[str]],
    path: Path,
) -> None:
    """Writes an exact export, and beside it one with each index of its configuration, see `index_folder`.

    Indexes are built, tuned and measured anew, on the given histories. The record says under `refresh` what changed.

    Args:
        version: an export of the model, whatever its index.
        withdrawn: ids of items that are no longer recommended.
        new: items that are recommended from now on.
        histories: item ids, oldest first.
        path: where the exact export goes.

    Raises:
        ExportUnusable: there is no trained model in the version.
        ChangeRefused: the changes cannot be made, or the model has no item vectors.
        ItemsError: the export has categories, and the item file that they came from cannot be used.
    """
    config, facts = read_record(version)
    if config.model.kind == "mult_vae":
        raise ChangeRefused("A mult_vae has no item vectors: its catalogue changes by training only.")
    loaded = load_model(version)
    before = Catalogue(loaded.ids, len(loaded.ids) - facts.get("withdrawn_items", 0), loaded.model.items.table.numpy())
    after = before.changed(withdrawn, new)
    scorer = ModelScorer(_with_table(loaded.model, config, after), after.num_live)
    encoder = Encoder(after.ids)
    encoded = Sequences.from_lists([encoder.encode(history) for history in histories])
    sampled = sample_histories(encoded, config.model.max_history)
    changes = {
        "of": str(version),
        "withdrawn": len(set(withdrawn) & set(before.ids[: before.num_live])),
        "unknown": len(set(withdrawn) - set(before.ids)),
        "new": len(new),
    }
    with TemporaryDirectory() as folder:
        vocabulary = Path(folder) / catalogue_file(version).name
        encoder.save(vocabulary)
        save_exact(scorer, vocabulary, config, path)
        _record(path, changes)
        for index in config.export.indexes:
            beside = path.with_name(f"{path.name}-{index}")
            save_indexed(index, scorer, sampled, vocabulary, config, beside)
            _record(beside, changes)


def _with_table(former: SequenceModel, config: Config, catalogue: Catalogue) -> SequenceModel:
    """The model with another item table, all other weights as they are."""
    model = build_model(config.model, np.ones(len(catalogue.ids) + 1, np.int64), config.seed)
    weights = zip(model.weights, former.get_weights(), strict=True)
    model.set_weights([catalogue.table if weight is model.items.table else value for weight, value in weights])
    return model


def _record(export: Path, changes: dict[str, Any]) -> None:
    facts = json.loads((export / RECORD).read_text(encoding="utf-8"))
    (export / RECORD).write_text(json.dumps({**facts, "refresh": changes}, indent=2))

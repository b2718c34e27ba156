"""A trained model read back from its export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.config import Config, parse_config
from dimerec_tf.export.load import ExportUnusable, load_model
from dimerec_tf.export.save import RECORD, save_exact
from dimerec_tf.models.registry import build_model
from dimerec_tf.named_parts import MODELS
from dimerec_tf.retrieval.exact import ModelScorer
from tests.export.served import IDS, NUM_ITEMS


@pytest.mark.parametrize("name", ["exact", "ivf", "scann"])
def test_model_and_ids_come_back_whatever_the_index(
    exports: dict[str, Path], config: Config, scorer: ModelScorer, name: str
) -> None:
    loaded = load_model(exports[name])
    assert loaded.ids == IDS and loaded.config == config.model
    for expected, weight in zip(scorer.model.get_weights(), loaded.model.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, weight)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_weights_of_every_kind_of_model_come_back(kind: str, tmp_path: Path) -> None:
    config = parse_config({"model": {"kind": kind}})
    model = build_model(config.model, np.ones(21, np.int64), seed=3)
    part = tf.train.Checkpoint
    saved = part(retriever=part(scorer=part(model=model)), vocabulary=part(ids=tf.Variable(["", *IDS[:20]])))
    saved.write(str(tmp_path / "variables" / "variables"))
    (tmp_path / RECORD).parent.mkdir()
    (tmp_path / RECORD).write_text(json.dumps({"config": config.model_dump(mode="json")}))
    loaded = load_model(tmp_path)
    assert loaded.ids == IDS[:20]
    for expected, weight in zip(model.get_weights(), loaded.model.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, weight)


def test_a_directory_of_versions_is_refused(exports: dict[str, Path]) -> None:
    with pytest.raises(
        ExportUnusable, match=r"is no export, it has no assets\.extra/dimerec\.json: name the directory"
    ):
        load_model(exports["exact"].parent)


def test_a_floor_is_refused(config: Config, vocabulary: Path, tmp_path: Path) -> None:
    save_exact(Popularity(NUM_ITEMS), vocabulary, config, tmp_path / "floor")
    with pytest.raises(ExportUnusable, match=r"it is a floor.s, or of another version\. Train from scratch"):
        load_model(tmp_path / "floor")


@pytest.mark.parametrize("change", [{"dim": 16}, {"depth": 3}], ids=["another size", "a key that is no more"])
def test_an_export_of_other_code_is_refused(exports: dict[str, Path], tmp_path: Path, change: dict[str, int]) -> None:
    shutil.copytree(exports["exact"], tmp_path / "export")
    record = json.loads((tmp_path / "export" / RECORD).read_text())
    record["config"]["model"] |= change
    (tmp_path / "export" / RECORD).write_text(json.dumps(record))
    with pytest.raises(ExportUnusable, match="other weights than this code has for its configuration"):
        load_model(tmp_path / "export")

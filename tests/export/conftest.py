"""One small model, exported in every way."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.config import Config, DataConfig, parse_config
from dimerec_tf.export.save import save_exact, save_indexed
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from tests.export.served import CATEGORIES_OF, IDS, NUM_ITEMS, TRAIN_EVENTS, Served


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    items = tmp_path_factory.mktemp("items") / "items.csv"
    lines = [f"{item},{'|'.join(names)}\n" for item, names in CATEGORIES_OF.items()]
    items.write_text("item_id,category\n" + "".join(lines))
    return parse_config(
        {
            "data": {"items_path": str(items)},
            "model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}},
            "evaluation": {"filter_seen": True},
            "export": {"max_k": 60},
        }
    )


@pytest.fixture(scope="session")
def scorer(config: Config) -> ModelScorer:
    return ModelScorer(DimeRec(config.model, np.ones(NUM_ITEMS + 1, np.int64), seed=1))


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("catalogue") / "items.txt"
    file.write_text("".join(f"{item}\n" for item in IDS))
    return file


@pytest.fixture(scope="session")
def exports(
    config: Config, scorer: ModelScorer, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exports")
    paths = {name: root / name for name in ("exact", *config.export.indexes)}
    own_vocabulary = root / vocabulary.name
    own_vocabulary.write_bytes(vocabulary.read_bytes())
    save_exact(scorer, own_vocabulary, config, paths["exact"], TRAIN_EVENTS)
    histories = np.random.default_rng(8).integers(1, NUM_ITEMS + 1, (40, 6))
    for index in config.export.indexes:
        save_indexed(index, scorer, histories, own_vocabulary, config, paths[index])
    own_vocabulary.unlink()
    return paths


@pytest.fixture(scope="session", params=["exact", "ivf", "scann"])
def served(request: pytest.FixtureRequest, exports: dict[str, Path]) -> Iterator[Served]:
    model = Served(exports[request.param])
    yield model
    model.session.close()


@pytest.fixture(scope="session")
def popularity(config: Config, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A floor, exported without categories."""
    path = tmp_path_factory.mktemp("popularity") / "exact"
    save_exact(Popularity(NUM_ITEMS), vocabulary, config.model_copy(update={"data": DataConfig()}), path)
    model = Served(path)
    yield model
    model.session.close()

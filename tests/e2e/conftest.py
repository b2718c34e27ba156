"""Pipeline runs that the tests share: a good model, the same again, one that is refused, and one that starts warm."""

from pathlib import Path

import pytest

from dimerec_tf.cli.pipeline import run_pipeline
from tests.e2e.small_log import Run, small_config, write_items, write_log
from tfx_pipeline.outcome import Outcome


@pytest.fixture(scope="package")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("pipeline")
    write_log(root / "log.csv", hostile=True)
    write_items(root / "items.csv")
    config = small_config(
        root / "log.csv",
        data={"items_path": str(root / "items.csv")},
        training={"validation": {"every_epochs": 5}},
        steps={"batch_recommender": {"k": 10}},
    )
    return Run(config, root / "work", run_pipeline(config, root / "work"))


@pytest.fixture(scope="package")
def second(first: Run) -> Outcome:
    return run_pipeline(first.config, first.workdir)


@pytest.fixture(scope="package")
def refused(first: Run, second: Outcome) -> Outcome:
    """An untrained model against the blessed one; after `second`, whose versions it must not disturb."""
    training = {"epochs": 1, "learning_rate": 1e-9, "validation": {}}
    config = small_config(
        Path(first.config.data.path),
        data=first.config.data.model_dump(),
        training=training,
        steps={"infra_validation": "none"},
    )
    return run_pipeline(config, first.workdir)


@pytest.fixture(scope="package")
def warm(first: Run, refused: Outcome) -> Outcome:
    """No more training than `refused`, but from the blessed model, and tuned before; pushed as version 2."""
    config = small_config(
        Path(first.config.data.path),
        data=first.config.data.model_dump(),
        training={"epochs": 2, "validation": {}},
        warm_start={"epochs": 1, "learning_rate": 1e-9},
        tuning={"in_pipeline": True, "trials": 2, "space": {"training.batch_size": [32, 48]}},
        evaluation={"max_drop_at_10": 0.05},
    )
    return run_pipeline(config, first.workdir)

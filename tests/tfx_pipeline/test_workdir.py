"""Where a pipeline cannot run is said before it does."""

from pathlib import Path

import pytest

from tests.e2e.small_log import small_config
from tfx_pipeline.local_runner import run_local
from tfx_pipeline.refresh import run_refresh
from tfx_pipeline.workdir import UnusableWorkdir, Workdir


@pytest.mark.parametrize("name", ["sales[12]", "old [red]", "a*b", "a?"])
def test_a_path_that_is_a_pattern_is_refused_before_work(name: str, tmp_path: Path) -> None:
    config, workdir = small_config(tmp_path / "log.csv"), Workdir(tmp_path / name)
    with pytest.raises(UnusableWorkdir, match="name another one with --workdir"):
        run_local(config, workdir)
    with pytest.raises(UnusableWorkdir):
        run_refresh(config, workdir, None, None)
    assert list(tmp_path.iterdir()) == []


def test_other_paths_are_not() -> None:
    Workdir(Path("shop (2) {a} é")).require_no_pattern()

"""The search on a function whose best value is known, and what becomes of kills, failures and repetitions."""

from pathlib import Path

import pytest
from keras_tuner.errors import FatalError

from dimerec_tf.config import Config, parse_config
from dimerec_tf.figures.drawing import write
from dimerec_tf.figures.trials import draw
from dimerec_tf.training.checkpoint import TrainingStopped
from dimerec_tf.training.finite import TrainingDiverged
from dimerec_tf.tuning.search import NothingFound, Search
from dimerec_tf.tuning.trials import best_config, trial_table

BEST = 0.37


def _config(trials: int, **space: object) -> Config:
    tuned = space or {"model.dropout": {"low": 0.0, "high": 0.9}}
    return parse_config({"model": {"dim": 96}, "tuning": {"trials": trials, "space": tuned}})


class _Peak:
    """A model whose accuracy is a parabola over its dropout."""

    def __init__(self) -> None:
        self.tried: list[float] = []
        self.kill_at: int | None = None

    def __call__(self, config: Config, checkpoint_dir: Path) -> dict[str, float]:
        if len(self.tried) == self.kill_at:
            checkpoint_dir.mkdir()
            raise KeyboardInterrupt
        self.tried.append(config.model.dropout)
        return {"NDCG@10": 1 - (config.model.dropout - BEST) ** 2, "HR@10": 0.0}


def _search(config: Config, directory: Path, peak: object) -> Search:
    assert config.tuning
    return Search(config, config.tuning, directory / "here", peak, lambda _: None)  # type: ignore[arg-type]


def test_the_search_finds_the_peak(tmp_path: Path) -> None:
    peak = _Peak()
    search = _search(_config(12), tmp_path, peak)
    search.search()
    assert len(peak.tried) == 12 and best_config(search).model.dropout == pytest.approx(BEST, abs=0.05)
    table = trial_table(search)
    assert table["model.dropout"].tolist() == peak.tried and table["trial"].tolist() == list(range(1, 13))
    assert table["NDCG@10"].tolist() == pytest.approx(
        [100 * (1 - (value - BEST) ** 2) for value in peak.tried], abs=1e-3
    )


def test_a_killed_search_goes_on_with_the_same_trial_and_a_finished_one_with_more(tmp_path: Path) -> None:
    undisturbed, disturbed = _Peak(), _Peak()
    _search(_config(4), tmp_path / "undisturbed", undisturbed).search()
    disturbed.kill_at = 2
    with pytest.raises(KeyboardInterrupt):
        _search(_config(4), tmp_path / "disturbed", disturbed).search()
    disturbed.kill_at = None
    _search(_config(4), tmp_path / "disturbed", disturbed).search()
    assert disturbed.tried[:3] == undisturbed.tried[:3] and len(disturbed.tried) == 4
    _search(_config(4), tmp_path / "disturbed", disturbed).search()
    assert len(disturbed.tried) == 4
    _search(_config(6), tmp_path / "disturbed", disturbed).search()
    assert len(disturbed.tried) == 6


def test_values_that_do_not_go_together_fail_their_trial_alone(tmp_path: Path) -> None:
    """With three heads a width of 64 cannot be."""
    config = _config(4, **{"model.dim": [96, 64], "model.backbone.heads": [2, 3]})
    search = _search(config, tmp_path, _Peak())
    search.search()
    table = trial_table(search)
    impossible = (table["model.dim"] == 64) & (table["model.backbone.heads"] == 3)
    assert table["NDCG@10"].isna().tolist() == impossible.tolist() and impossible.sum() == 1
    write("trials", table, draw, tmp_path)
    assert (tmp_path / "trials.png").stat().st_size > 10_000 and (tmp_path / "trials.csv").exists()


def test_a_fault_that_no_values_made_ends_the_search(tmp_path: Path) -> None:
    def broken(config: Config, checkpoint_dir: Path) -> dict[str, float]:
        raise OSError("no space left")

    with pytest.raises(FatalError, match="no space left"):
        _search(_config(3), tmp_path, broken).search()


def test_a_search_told_to_stop_keeps_the_state_of_its_trial_and_says_so(tmp_path: Path) -> None:
    def stopped(config: Config, checkpoint_dir: Path) -> dict[str, float]:
        checkpoint_dir.mkdir()
        raise TrainingStopped("Told to stop.")

    with pytest.raises(TrainingStopped, match="Told to stop") as ended:
        _search(_config(3), tmp_path, stopped).search()
    assert ended.value.exit_code == TrainingStopped.exit_code != 1
    assert list(tmp_path.rglob("checkpoint"))


def test_a_search_without_a_finished_trial_has_no_best(tmp_path: Path) -> None:
    def refused(config: Config, checkpoint_dir: Path) -> dict[str, float]:
        raise TrainingDiverged("not finite")

    with pytest.raises(NothingFound, match="All trials failed, for the reasons above: change tuning"):
        _search(_config(2), tmp_path, refused).search()

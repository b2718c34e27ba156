"""The search on a function whose best value is known, and what becomes of kills, failures and repetitions."""

from pathlib import Path
from typing import Any

import pytest

from dimerec_tf.config import Config, parse_config
from dimerec_tf.training.checkpoint import TrainingStopped
from dimerec_tf.training.finite import TrainingDiverged
from dimerec_tf.tuning.search import NothingFound, Search, Validate
from dimerec_tf.tuning.trials import best_config, trial_table

BEST = 0.37


def _config(trials: int, seed: int = 42, **space: object) -> Config:
    tuned = space or {"model.dropout": {"low": 0.0, "high": 0.9}}
    return parse_config({"seed": seed, "model": {"dim": 96}, "tuning": {"trials": trials, "space": tuned}})


class _Peak:
    """A model whose accuracy is a parabola over its dropout; `tried` are those that were finished."""

    def __init__(self) -> None:
        self.tried: list[float] = []
        self.end_at: int | None = None
        self.ended_by: BaseException = KeyboardInterrupt()
        self.resumed = 0

    def __call__(self, config: Config, checkpoint_dir: Path) -> float:
        self.resumed += checkpoint_dir.exists()
        if len(self.tried) == self.end_at:
            checkpoint_dir.mkdir()
            self.end_at = None
            raise self.ended_by
        self.tried.append(config.model.dropout)
        return 1 - (config.model.dropout - BEST) ** 2


def _search(config: Config, directory: Path, peak: Validate, said: list[str] | None = None) -> Search:
    return Search(config, directory, peak, ([] if said is None else said).append)


def test_the_search_finds_the_peak(tmp_path: Path) -> None:
    peak = _Peak()
    search = _search(_config(12), tmp_path, peak)
    search.search()
    best = best_config(search)
    assert len(peak.tried) == 12 and best.model.dropout == pytest.approx(BEST, abs=0.05)
    assert best.model.dim == 96 and best.tuning is None
    table = trial_table(search)
    assert table["model.dropout"].tolist() == peak.tried and table["trial"].tolist() == list(range(1, 13))
    assert table["NDCG@10"].tolist() == pytest.approx(
        [100 * (1 - (value - BEST) ** 2) for value in peak.tried], abs=1e-3
    )


@pytest.mark.parametrize(("ended_by", "seed"), [(KeyboardInterrupt(), 42), (TrainingStopped("Told to stop."), 0)])
def test_a_search_that_ended_within_any_trial_ends_with_the_trials_of_an_undisturbed_one(
    tmp_path: Path, ended_by: BaseException, seed: int
) -> None:
    """The first three trials are random, the fourth follows from their results."""
    undisturbed, disturbed = _Peak(), _Peak()
    _search(_config(4, seed), tmp_path / "undisturbed", undisturbed).search()
    disturbed.ended_by = ended_by
    for end_at in range(4):
        disturbed.end_at = end_at
        with pytest.raises(type(ended_by)):
            _search(_config(4, seed), tmp_path / "disturbed", disturbed).search()
        assert list(tmp_path.rglob("*.checkpoint"))
    _search(_config(4, seed), tmp_path / "disturbed", disturbed).search()
    assert disturbed.tried == undisturbed.tried and len(set(disturbed.tried)) == 4
    assert disturbed.resumed == 4 and not list(tmp_path.rglob("*.checkpoint"))


def test_finished_trials_are_not_made_again_and_more_follow_them(tmp_path: Path) -> None:
    peak = _Peak()
    _search(_config(4), tmp_path, peak).search()
    first = list(peak.tried)
    again = _search(_config(4), tmp_path, peak)
    again.search()
    assert peak.tried == first == trial_table(again)["model.dropout"].tolist()
    _search(_config(6), tmp_path, peak).search()
    assert peak.tried[:4] == first and len(peak.tried) == 6


def test_another_configuration_shares_nothing(tmp_path: Path) -> None:
    peak = _Peak()
    for dim in (96, 64):
        config = parse_config({**_config(2).model_dump(), "model": {"dim": dim}})
        _search(config, tmp_path, peak).search()
    assert len(peak.tried) == 4


def test_values_that_do_not_go_together_fail_their_trial_alone(tmp_path: Path) -> None:
    """With three heads a width of 64 cannot be."""
    config = _config(4, **{"model.dim": [96, 64], "model.backbone.heads": [2, 3]})
    search = _search(config, tmp_path, _Peak())
    search.search()
    table = trial_table(search)
    impossible = (table["model.dim"] == 64) & (table["model.backbone.heads"] == 3)
    assert table["NDCG@10"].isna().tolist() == impossible.tolist() and impossible.sum() == 1


def test_a_trial_that_diverged_is_not_made_again_either(tmp_path: Path) -> None:
    tried = []

    def diverging(config: Config, checkpoint_dir: Path) -> float:
        tried.append(config.model.dropout)
        checkpoint_dir.mkdir()
        if len(tried) == 2:
            raise TrainingDiverged("not finite")
        return 0.5

    tables = []
    for _ in range(2):
        said: list[str] = []
        search = _search(_config(3), tmp_path, diverging, said)
        search.search()
        assert "Trial 2 of 3 failed. not finite" in said
        tables.append(trial_table(search))
    assert len(tried) == 3 and not list(tmp_path.rglob("*.checkpoint"))
    assert tables[0].equals(tables[1]) and tables[0]["NDCG@10"].isna().tolist() == [False, True, False]


def test_a_search_without_a_finished_trial_has_no_best(tmp_path: Path) -> None:
    def refused(*_: Any) -> float:
        raise TrainingDiverged("not finite")

    with pytest.raises(NothingFound, match="All trials failed, for the reasons above: change tuning"):
        _search(_config(2), tmp_path, refused).search()

"""Exposures and clicks, joined and compared."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dimerec_tf.errors import DimeRecError
from serving.experiments.buckets import Bucket, parse_buckets
from serving.experiments.difference import ratio_difference
from serving.experiments.exposures import Unit, read_exposures, read_outcomes
from serving.experiments.report import Report, report
from tests.parquet_with_code import write_with_code
from tests.serving.experiments.logs import write_exposures

HALVES = parse_buckets(["old=1", "new=1"])
SHOWN = [
    ("ann", "old", ["a", "b"]),
    ("ann", "old", ["b", "c"]),
    ("bob", "old", ["a"]),
    ("eve", "new", ["é", "d"]),
    ("joe", "new", ["a", "b", "c", "d"]),
    ("joe", "new", []),
    ("out", "", ["a"]),
]
CLICKS = [
    ("ann", "b"),
    ("ann", "b"),
    ("ann", "x"),
    ("eve", "é"),
    ("joe", "a"),
    ("joe", "d"),
    ("out", "a"),
    ("zoe", "a"),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_exposures(tmp_path / "log.tfrecord", SHOWN)


def clicks_file(folder: Path, clicks: list[tuple[str, str]], unit: str = "user_id", suffix: str = ".csv") -> Path:
    path = folder / f"clicks{suffix}"
    frame = pd.DataFrame(clicks, columns=[unit, "item_id"]).assign(position=1)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def made(log: Path, clicks: Path, buckets: tuple[Bucket, ...] = HALVES, unit: Unit = "user_id") -> Report:
    return report(read_exposures([log], unit), read_outcomes(clicks, unit), buckets)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_item_shown_to_a_user_counts_once(log: Path, tmp_path: Path, suffix: str) -> None:
    found = made(log, clicks_file(tmp_path, CLICKS, suffix=suffix))
    old, new = found.buckets
    assert (old.name, old.units, old.impressions, old.clicks) == ("old", 2, 4, 1)
    assert (new.name, new.units, new.impressions, new.clicks) == ("new", 2, 6, 3)
    assert (old.ctr, new.ctr, old.hit_rate, new.hit_rate) == (0.25, 0.5, 0.5, 1.0)
    assert found.unmatched_clicks == 3
    assert found.outside == 1
    (comparison,) = found.comparisons
    assert comparison.bucket == "new"
    assert (comparison.ctr.value, comparison.hit_rate.value) == (0.25, 0.5)
    by_user = [
        (np.array(clicks, float), np.array(shown, float)) for clicks, shown in (([1, 0], [3, 1]), ([1, 2], [2, 4]))
    ]
    assert comparison.ctr == ratio_difference(*by_user, 0.95)


def test_ids_that_are_no_text_are_users_of_their_own(tmp_path: Path) -> None:
    """One such id does not cost the records behind it."""
    shown = [("\udcff", "old", ["a"]), ("\udcfe", "new", ["a"]), ("u", "old", ["b"]), ("v", "new", ["b"])]
    found = made(write_exposures(tmp_path / "log.tfrecord", shown), clicks_file(tmp_path, [("v", "b")]))
    assert [(row.units, row.clicks) for row in found.buckets] == [(2, 0), (2, 1)]


def test_requests_can_be_the_unit(tmp_path: Path) -> None:
    shown = [("r1", "old", ["a", "b"]), ("r2", "old", ["a"]), ("r3", "new", ["a"]), ("r4", "new", ["b"])]
    log = write_exposures(tmp_path / "log.tfrecord", shown, "request_id")
    found = made(log, clicks_file(tmp_path, [("r1", "a"), ("r4", "b")], "request_id"), unit="request_id")
    assert [(row.impressions, row.clicks) for row in found.buckets] == [(3, 1), (2, 1)]


def test_several_logs_are_one_experiment(tmp_path: Path) -> None:
    names = ("monday.tfrecord", "tuesday.tfrecord.gz")
    files = [write_exposures(tmp_path / name, SHOWN[day::2]) for day, name in enumerate(names)]
    found = report(read_exposures(files, "user_id"), read_outcomes(clicks_file(tmp_path, CLICKS), "user_id"), HALVES)
    assert found == made(write_exposures(tmp_path / "all.tfrecord", SHOWN), clicks_file(tmp_path, CLICKS))


def large(folder: Path, sizes: dict[str, int]) -> Path:
    names = [name for name, size in sizes.items() for _ in range(size)]
    return write_exposures(folder / "log.tfrecord", ((f"u{n}", name, ["a"]) for n, name in enumerate(names)))


def test_sizes_that_do_not_fit_the_weights_are_refused(tmp_path: Path) -> None:
    log = large(tmp_path, {"old": 560, "new": 440})
    clicks = clicks_file(tmp_path, [("u1", "a")])
    expected = stats.chisquare([560, 440]).pvalue
    assert expected < 0.001
    with pytest.raises(
        DimeRecError, match=rf"old 560, new 440, but the weights ask for 500, 500 \(p = {expected:.2g}\)"
    ):
        made(log, clicks)
    found = made(log, clicks, parse_buckets(["old=56", "new=44"]))
    assert found.mismatch_p_value == pytest.approx(1.0)


def test_chance_is_not_a_mismatch(tmp_path: Path) -> None:
    found = made(large(tmp_path, {"old": 520, "new": 480}), clicks_file(tmp_path, [("u1", "a")]))
    assert found.mismatch_p_value == pytest.approx(stats.chisquare([520, 480]).pvalue)


def test_several_treatments_share_the_risk(tmp_path: Path) -> None:
    clicks = clicks_file(tmp_path, [(f"u{n}", "a") for n in [*range(40), *range(400, 460), *range(800, 844)]])
    alone = made(large(tmp_path, {"old": 400, "new": 400}), clicks).comparisons[0]
    three = parse_buckets(["old=1", "new=1", "newer=1"])
    found = made(large(tmp_path, {"old": 400, "new": 400, "newer": 400}), clicks, three)
    assert found.confidence == pytest.approx(0.975)
    assert found.comparisons[0].hit_rate.p_value == pytest.approx(2 * alone.hit_rate.p_value)
    assert found.comparisons[0].ctr.low < alone.ctr.low
    assert found.comparisons[1].hit_rate.p_value == 1.0


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ([], "There are no exposures"),
        ([("ann", "old", ["a"]), ("ann", "new", ["a"])], "1 values of user_id were in two buckets, for example 'ann'"),
        ([("ann", "blue", ["a"])], "not given: blue"),
        ([("ann", "", ["a"])], "No exposure has a bucket"),
        ([("", "old", ["a"])], "have no user_id"),
        (
            [("ann", "old", ["a"]), ("bob", "old", []), ("eve", "new", []), ("joe", "new", [])],
            "new: fewer than two units",
        ),
    ],
)
def test_exposures_that_cannot_be_compared_are_refused(
    tmp_path: Path, shown: list[tuple[str, str, list[str]]], message: str
) -> None:
    with pytest.raises(DimeRecError, match=message):
        made(write_exposures(tmp_path / "log.tfrecord", shown), clicks_file(tmp_path, CLICKS))


def test_files_that_are_no_exposures_are_refused(log: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a record file, but long enough to be read as one")
    for name in ("text", "missing"):
        with pytest.raises(DimeRecError, match="cannot be read"):
            read_exposures([tmp_path / name], "user_id")
    with pytest.raises(DimeRecError, match=r"have no request_id.* as the header x-request-id"):
        read_exposures([log], "request_id")


def test_outcomes_without_their_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("user_id,item\nann,a\n")
    (tmp_path / "clicks.parquet").write_bytes(b"no parquet")
    (tmp_path / "holes.csv").write_text("user_id,item_id\nann,\n")
    pd.DataFrame({"user_id": ["ann"], "item": ["a"]}).to_parquet(tmp_path / "other.parquet")
    write_with_code(tmp_path / "code.parquet", tmp_path / "marker", {"user_id": ["ann"], "item_id": ["a"]})
    for name, message in (
        ("clicks.csv", "no column 'item_id', only 'user_id', 'item'"),
        ("clicks.parquet", "cannot be read"),
        ("holes.csv", "without"),
        ("other.parquet", "no column 'item_id', only 'user_id', 'item'"),
        ("code.parquet", "code.parquet cannot be read: a column of it is of a Python type"),
    ):
        with pytest.raises(DimeRecError, match=message):
            read_outcomes(tmp_path / name, "user_id")
    assert not (tmp_path / "marker").exists()


def test_ids_that_look_like_numbers_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("user_id,item_id\n007,NA\n")
    assert read_outcomes(tmp_path / "clicks.csv", "user_id").to_numpy().tolist() == [["007", "NA"]]

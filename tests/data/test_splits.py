"""Splits: who sees what, in which order, and never the future."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.boundaries import Boundaries, TimeCounts, resolve_boundaries
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.data.protocols import UserExample, global_time, leave_one_out
from dimerec_tf.data.rejects import TooManyBadRows
from dimerec_tf.data.splits import load_splits
from dimerec_tf.data.user_events import order_events

HEADER = "user_id,item_id,timestamp\n"
EVENTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12)), min_size=1, max_size=15)


def log(tmp_path, text: str, name: str = "log.csv", **settings) -> DataConfig:
    (tmp_path / name).write_text(HEADER + text)
    return DataConfig(path=str(tmp_path / name), **settings)


def test_leave_one_out_holds_out_the_last_two_events():
    assert leave_one_out("u", ["a", "b", "c", "d"]) == {
        "train": UserExample("u", ["a"], ["b"]),
        "eval": UserExample("u", ["a", "b"], ["c"]),
        "test": UserExample("u", ["a", "b", "c"], ["d"]),
    }


@pytest.mark.parametrize("items", [["a"], ["a", "b"]])
def test_users_with_fewer_than_three_events_train_as_a_whole(items):
    assert leave_one_out("u", items) == {"train": UserExample("u", items[:-1], [items[-1]])}


def test_global_time_takes_the_first_event_of_each_period():
    examples = global_time("u", list("abcdef"), [1, 2, 5, 6, 9, 9], Boundaries(5, 9))
    assert examples == {
        "train": UserExample("u", ["a"], ["b"]),
        "eval": UserExample("u", ["a", "b"], ["c"]),
        "test": UserExample("u", ["a", "b", "c", "d"], ["e"]),
    }


@pytest.mark.parametrize(
    ("times", "splits"),
    [
        ([1], {"train"}),
        ([5], set()),
        ([5, 9], {"test"}),
        ([9], set()),
        ([1, 9], {"train", "test"}),
        ([1, 5], {"train", "eval"}),
    ],
)
def test_global_time_needs_a_history_before_the_boundary(times, splits):
    assert set(global_time("u", ["a"] * len(times), times, Boundaries(5, 9))) == splits


@given(EVENTS, st.integers(0, 12), st.integers(1, 6))
def test_global_time_never_leaks_the_future(events, eval_from, gap):
    items = np.array([f"{item}{n}" for n, (item, _) in enumerate(events)], dtype=object)  # unique, to find them again
    time_of = dict(zip(items, (time for _, time in events), strict=True))
    user, _ = order_events("u", items, np.array([time for _, time in events]))
    boundaries = Boundaries(eval_from, eval_from + gap)
    examples = global_time(user.user_id, user.items, user.times, boundaries)
    if train := examples.get("train"):
        assert all(time_of[item] < eval_from for item in [*train.history, *train.targets])
    starts = {"eval": (eval_from, eval_from + gap), "test": (eval_from + gap, np.inf)}
    for split, (start, end) in starts.items():
        before = {item for item, time in time_of.items() if time < start}
        if split in examples:
            assert set(examples[split].history) == before
            assert start <= time_of[examples[split].targets[0]] < end
        else:
            assert not before or not any(start <= time < end for time in time_of.values())


@given(EVENTS)
def test_leave_one_out_targets_are_the_latest_events(events):
    times = np.array([time for _, time in events])
    items = np.array([f"{item}{n}" for n, (item, _) in enumerate(events)], dtype=object)
    user, dropped = order_events("u", items, times)
    assert not len(dropped)
    expected = [items[n] for n in sorted(range(len(items)), key=lambda n: (times[n], n))]
    for example, length in zip(
        leave_one_out("u", user.items).values(),
        [len(items)] if len(items) < 3 else [len(items) - 2, len(items) - 1, len(items)],
        strict=True,
    ):
        assert [*example.history, *example.targets] == expected[:length]


@given(EVENTS)
def test_exact_duplicates_go_and_the_first_stays(events):
    items = np.array([item for item, _ in events], dtype=object)
    times = np.array([time for _, time in events])
    user, dropped = order_events("u", items, times)
    first = {event: n for n, event in reversed(list(enumerate(events)))}
    assert set(dropped.tolist()) == set(range(len(events))) - set(first.values())
    assert list(zip(user.items, user.times.tolist(), strict=True)) == sorted(
        first, key=lambda event: (event[1], first[event])
    )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.floats(0, 1, exclude_max=True))
def test_a_quantile_has_that_fraction_of_events_before_it(times, fraction):
    parts = [TimeCounts.of(np.array(part)) for part in (times[::2], times[1::2]) if part]
    assert TimeCounts.sum(parts).quantile(fraction) == sorted(times)[int(fraction * len(times))]


def test_boundaries_from_one_on_are_timestamps():
    times = TimeCounts.of(np.arange(100))
    assert resolve_boundaries(SplitConfig(kind="global_time", eval_from=0.5, test_from=90), times) == Boundaries(50, 90)


NANOSECOND = 1_767_225_600_000_000_001


def moments(*nanoseconds: int) -> TimeCounts:
    return TimeCounts.of(np.array(nanoseconds).view("M8[ns]"))


@pytest.mark.parametrize(
    ("events", "boundaries"),
    [
        (TimeCounts.of(np.array([NANOSECOND - 1, NANOSECOND, NANOSECOND + 1])), (NANOSECOND, NANOSECOND + 1)),
        (TimeCounts.of(np.array([1, 10, 20])), (9.5, 10.5)),
        (moments(0, 1_500_000_000, 3 * 10**9), (1.5, 3)),
        (moments(0, NANOSECOND, NANOSECOND + 10**9), (1_767_225_600, 1_767_225_601)),
    ],
)
def test_boundaries_are_exact(events, boundaries):
    """One event before the evaluation period, one in it, and one behind it."""
    split = SplitConfig(kind="global_time", eval_from=boundaries[0], test_from=boundaries[1])
    found = resolve_boundaries(split, events)
    assert np.searchsorted(events.times, [found.eval_from, found.test_from]).tolist() == [1, 2]
    assert found.eval_from.dtype == events.times.dtype


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (TimeCounts.of(np.array([1_700_000_000, 1_800_000_000])), r"go from 1700000000 to 1800000000: .*in their unit"),
        (
            TimeCounts.of(np.array(["2026-01-01", "2026-02-01"], "M8[ns]")),
            r"go from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z: .* in seconds since 1970 UTC\.",
        ),
    ],
)
@pytest.mark.parametrize("value", [1_750_000_000_000, 5, 10**30])
def test_a_boundary_in_another_unit_than_the_log_is_refused(events, message, value):
    split = SplitConfig(kind="global_time", eval_from=0.5, test_from=value)
    with pytest.raises(ConfigError, match=rf"data\.split\.test_from is {value}, and the log's times {message}"):
        resolve_boundaries(split, events)


@pytest.mark.parametrize(("eval_from", "test_from", "message"), [(-0.1, 0.5, "quantile"), (0.8, 0.9, "no event lies")])
def test_boundaries_that_cannot_split_are_refused(eval_from, test_from, message):
    split = SplitConfig(kind="global_time", eval_from=eval_from, test_from=test_from)
    with pytest.raises(ConfigError, match=message):
        resolve_boundaries(split, TimeCounts.of(np.ones(10)))


def test_ties_keep_file_order_across_files(tmp_path):
    log(tmp_path, "u,third,1\nu,fourth,1\n", "b.csv")
    log(tmp_path, "u,first,1\nu,second,1\nu,zeroth,0\n", "a.csv")
    splits = load_splits(DataConfig(path=str(tmp_path)))
    assert splits.test == [UserExample("u", ["zeroth", "first", "second", "third"], ["fourth"])]


def test_duplicates_across_files_count_as_rejected_rows(tmp_path):
    log(tmp_path, "u,a,1\nu,b,2\n", "a.csv")
    data = log(tmp_path, "u,a,1\nu,a,3\n", "b.csv", max_bad_fraction=0.25)
    rejected = tmp_path / "rejected"
    splits = load_splits(data.model_copy(update={"path": str(tmp_path)}), rejected)
    assert splits.test == [UserExample("u", ["a", "b"], ["a"])]
    assert splits.summary.rejected == {"exact duplicate": 1}
    (row,) = map(json.loads, (rejected / "rejected.jsonl").read_text().splitlines())
    assert (row["file"], row["row"]) == (str(tmp_path / "b.csv"), 2)
    assert json.loads((rejected / "summary.json").read_text()) == {
        "kept": 3,
        "rejected": {"exact duplicate": 1},
        "rows_read": 4,
        "cut_users": 0,
        "cut_events": 0,
        "repeats_kept": 0,
    }


def test_the_limit_for_bad_rows_is_inclusive_and_says_why_it_stops(tmp_path):
    data = log(tmp_path, "u,a,1\nu,b,2\nu,c,3\n,d,4\n", max_bad_fraction=0.25)
    assert load_splits(data).summary.kept == 3
    with pytest.raises(TooManyBadRows, match=r"1 of 4 rows \(25.00%\).*1 missing user id.*max_bad_fraction") as failure:
        load_splits(data.model_copy(update={"max_bad_fraction": 0.24}), tmp_path / "aside")
    assert str(tmp_path / "aside") in str(failure.value)
    assert (tmp_path / "aside" / "rejected.jsonl").read_text().count("\n") == 1


def test_a_log_without_events_is_refused(tmp_path):
    with pytest.raises(LogError, match="no valid event; rows set aside: 1 missing item id"):
        load_splits(log(tmp_path, "u,,1\n", max_bad_fraction=1.0))


def test_a_time_split_reads_boundaries_from_the_whole_log(tmp_path):
    rows = "".join(f"u{time % 2},i{time},{time}\n" for time in range(10))
    splits = load_splits(log(tmp_path, rows, split=SplitConfig(kind="global_time", eval_from=0.6, test_from=0.8)))
    assert splits.eval == [UserExample("u0", ["i0", "i2", "i4"], ["i6"]), UserExample("u1", ["i1", "i3", "i5"], ["i7"])]
    assert [example.targets for example in splits.test] == [["i8"], ["i9"]]
    assert [example.targets for example in splits.train] == [["i4"], ["i5"]]


def test_of_a_user_with_too_many_events_the_latest_are_used_and_the_others_counted(tmp_path):
    rows = ["bot,a,5", "u,x,1", "bot,b,9", "bot,c,1", "bot,d,9", "bot,e,7", "u,y,2", "u,z,3"]
    splits = load_splits(log(tmp_path, "\n".join(rows) + "\n", max_user_events=3))
    assert splits.train == [UserExample("bot", [], ["e"]), UserExample("u", [], ["x"])]
    assert splits.test == [UserExample("bot", ["e", "b"], ["d"]), UserExample("u", ["x", "y"], ["z"])]
    assert (splits.summary.kept, splits.summary.cut_users, splits.summary.cut_events) == (6, 1, 2)
    assert json.loads(splits.summary.to_json())["rows_read"] == 8

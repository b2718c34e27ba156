"""Columns of times: exact, or named as what they are."""

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.data.time_numbers import CoarseTimes
from dimerec_tf.data.time_units import day_text, exact_text, time_text
from dimerec_tf.data.times import NANOSECONDS, join_times, parse_times

NOON = np.datetime64("2026-01-03T12:00:00", "ns")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-03 12:00:00 UTC",  # BigQuery
        "2026-01-03 12:00:00.000000 UTC",
        "2026-01-03T12:00:00Z",
        "2026-01-03t12:00:00z",
        "2026-01-03 12:00",
        "2026-01-03 12:00:00+00",  # PostgreSQL
        "2026-01-03 13:00:00.000 +0100",  # Snowflake
        "2026-01-03 07:00:00 -05:00",
        "2026-01-03 12:00:00 +0000 UTC",  # Go
        "2026-01-03 12:00:00 GMT",
        "2026-01-03T12:00:00,000000000",
        "2026/01/03 12:00:00",
        "20260103T120000Z",
        "  2026-01-03 12:00:00 UTC ",
    ],
)
def test_moments_are_read_as_they_are_usually_written(text):
    parsed = parse_times(pa.array([text]))
    assert parsed.times.tolist() == [NOON.astype(int)] and parsed.times.dtype == NANOSECONDS
    assert parsed.moments.all() and not parsed.unparsable.any() and not parsed.out_of_range.any()


@pytest.mark.parametrize(
    "text", ["03/01/2026", "2026-1-3", "2026-02-30", "2026-01-03 25:00", "noon", "0x10", "", "+5", "1,5", "UTC"]
)
def test_other_text_is_unparsable_whatever_stands_beside_it(text):
    for column in ([text], [text, "7"], [text, "2026-01-03"]):
        assert parse_times(pa.array(column)).unparsable.tolist() == [True, *[False] * (len(column) - 1)]


@given(st.integers(*(int(np.datetime64(year, "ns").astype(int)) for year in ("1678", "2262"))))
def test_nanoseconds_are_exact_in_every_form(nanoseconds):
    moment = np.datetime64(nanoseconds, "ns")
    for column in (
        pa.array([f"{moment}Z"]),
        pa.array([f"{moment} UTC".replace("T", " ", 1)]),
        pa.array([str(nanoseconds)]),
        pa.array([f"{nanoseconds}.0"]),
        pa.array([Decimal(nanoseconds)]),
        pa.array([nanoseconds], pa.int64()),
        pa.array([nanoseconds], pa.timestamp("ns")),
        pa.array([nanoseconds], pa.timestamp("ns", "Europe/Berlin")),
    ):
        parsed = parse_times(column)
        assert (parsed.times.tolist(), parsed.times.dtype.kind in "iM") == ([nanoseconds], True)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["1500-01-01", "9999-12-31 23:59:59", "2026-01-03"]), [True, True, False]),
        (pa.array([-(10**11), 253402300799, 1], pa.timestamp("s")), [True, True, False]),
        (pa.array([-(2**63), 5], pa.timestamp("us")), [True, False]),
        (pa.array([datetime.date(1, 1, 1), datetime.date(2026, 1, 3)]), [True, False]),
        (pa.array([datetime.date(9999, 1, 1), datetime.date(2026, 1, 3)], pa.date64()), [True, False]),
        (pa.array([2**63, 5], pa.uint64()), [True, False]),
        (pa.array(["9223372036854775808", "5"]), [True, False]),
        (pa.array([1e300, 5.0]), [True, False]),
        (pa.array(["1e300", "5"]), [True, False]),
    ],
)
def test_what_64_bits_cannot_count_is_named(column, expected):
    parsed = parse_times(column)
    assert parsed.out_of_range.tolist() == expected and not parsed.unparsable.any()


def test_dates_and_timestamps_of_any_unit_are_the_same_moments():
    day = np.datetime64("2026-01-03", "D")
    columns = [pa.array([day.astype(f"M8[{unit}]")]) for unit in ("s", "ms", "us", "ns")]
    columns += [pa.array([day.item()]), pa.array([day.item()], pa.date64()), pa.array(["2026-01-03"])]
    assert {parse_times(column).times[0] for column in columns} == {day.astype(NANOSECONDS)}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, None, 2.0]),
        pa.array([1.5, float("nan"), 2]),
        pa.array(["1.5", None, "2"]),
        pa.array(["1.500", "", "2.0"]),
        pa.array([Decimal("1.50"), None, Decimal("2")]),
        pa.array([1.5, None, 2.0], pa.float32()),
    ],
)
def test_numbers_that_are_missing_are_unparsable(column):
    parsed = parse_times(column)
    assert parsed.times.tolist() == [1.5, 0, 2] and parsed.unparsable.tolist() == [False, True, False]


@given(st.lists(st.floats(1e9, 2e9), min_size=1))
def test_the_floats_that_python_prints_are_read_exactly(times):
    """What `time.time()` gives has up to 17 digits, as many as tell 64-bit floats apart."""
    assert parse_times(pa.array([repr(time) for time in times])).times.tolist() == times


@pytest.mark.parametrize("text", ["1.7E+09", "1700000000.123456789", "1.70000000012345678e18"])
def test_decimals_that_were_rounded_are_coarse(text):
    with pytest.raises(CoarseTimes) as coarse:
        parse_times(pa.array(["5", text]))
    assert coarse.value.positions == [1]


@pytest.mark.parametrize("times", [[16777215.0, 16777214.0], [0.5, 1000.25], []])
def test_floats_of_32_bits_that_tell_times_apart_are_read(times):
    parsed = parse_times(pa.array(times, pa.float32()))
    assert parsed.times.tolist() == times and not parsed.unparsable.any()


def test_types_that_are_no_times_are_refused():
    for column in (pa.array([True]), pa.array([5], pa.duration("s")), pa.array([5], pa.time64("us"))):
        with pytest.raises(ValueError, match="cannot be a time: numbers, timestamps or ISO 8601 text can"):
            parse_times(column)


def test_a_block_without_a_time_takes_the_kind_of_the_others():
    empty = parse_times(pa.array([None], pa.string())).times[:0]
    moments = parse_times(pa.array(["2026-01-03"])).times
    assert join_times([empty, moments, empty]).dtype == NANOSECONDS
    assert join_times([empty, empty]).tolist() == []


@pytest.mark.parametrize(
    ("time", "exact", "people", "day"),
    [
        (NOON, "2026-01-03T12:00:00Z", "2026-01-03 12:00:00 UTC", "2026-01-03"),
        (NOON + 1, "2026-01-03T12:00:00.000000001Z", "2026-01-03 12:00:00 UTC", "2026-01-03"),
        (1767441600, "1767441600", "1767441600 (2026-01-03 12:00:00 UTC)", "2026-01-03"),
        (1767441600.5, "1767441600.5", "1767441600.5 (2026-01-03 12:00:00 UTC)", "2026-01-03"),
        (1767441600123, "1767441600123", "1767441600123 (2026-01-03 12:00:00 UTC)", "2026-01-03"),
        (1767441600123456, "1767441600123456", "1767441600123456 (2026-01-03 12:00:00 UTC)", "2026-01-03"),
        # as a 64-bit float the last nanosecond of a day is the next day
        (1767484799999999999, *["1767484799999999999", "1767484799999999999 (2026-01-03 23:59:59 UTC)", "2026-01-03"]),
        (7, "7", "7", "7"),
        (7.0, "7", "7", "7"),
        (0.25, "0.25", "0.25", "0.25"),
        (-3, "-3", "-3", "-3"),
    ],
)
def test_times_for_people(time, exact, people, day):
    scalar = time if isinstance(time, np.datetime64) else np.array([time])[0]
    assert (exact_text(scalar), time_text(scalar), day_text(scalar)) == (exact, people, day)


def test_the_page_about_logs_names_the_years_that_can_be_read():
    page = (Path(__file__).parents[2] / "docs" / "own_log.md").read_text(encoding="utf-8")
    assert "64 bits of nanoseconds hold the years 1678 to 2261" in " ".join(page.split())

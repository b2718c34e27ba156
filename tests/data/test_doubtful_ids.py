"""Ids that may be mistakes: kept apart, read as they stand, counted."""

import logging

import pyarrow as pa
import pytest

from dimerec_tf.config import DataConfig
from dimerec_tf.data.doubtful_ids import doubts_about
from dimerec_tf.data.splits import load_splits

MISSING = ["NULL", "nan", "None", "\\N", "null", "<NA>"]


def test_events_of_each_doubtful_id_are_counted() -> None:
    ids = pa.array(["u1", "NULL", "NULL", "NaN", "1.0", "2.0", "1.2E+11", " u", "a\x1bb", "1.5", "Nancy", "e1", "\\N"])
    assert doubts_about("user", ids) == {
        "user id 'NULL', which looks like a missing value": 2,
        "user id 'NaN', which looks like a missing value": 1,
        r"user id '\\N', which looks like a missing value": 1,
        "user ids with a point or an exponent, as whole numbers that became fractions": 3,
        "user ids with space at an end": 1,
        "user ids with control characters": 1,
    }


def test_no_doubt_without_a_reason() -> None:
    assert not doubts_about("item", pa.array(["a", "007", "7", "annals", "nano", "\u00e9"]))
    assert not doubts_about("item", pa.array([], pa.string()))


def test_they_are_users_of_their_own_and_said_aloud(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{user},i{n},{1_700_000 + n}" for n in range(5) for user in ["u0", *MISSING]]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    with caplog.at_level(logging.WARNING, "dimerec_tf.notices"):
        splits = load_splits(DataConfig(path=str(tmp_path / "log.csv")))
    assert {example.user_id for example in splits.test} == {"u0", *MISSING}
    assert splits.summary.doubtful == {f"user id {user!r}, which looks like a missing value": 5 for user in MISSING}
    (message,) = caplog.messages
    assert all(f"5 events with user id {user!r}" in message for user in MISSING)

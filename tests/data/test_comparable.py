"""Times are compared only where they can be: one kind and one unit for a log, and floats that tell them apart."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data import csv_lines
from dimerec_tf.data.comparable import conflict, join_marks, marks_of
from dimerec_tf.data.log_reader import LogError, read_log
from dimerec_tf.data.splits import load_splits
from tests.data.incomparable import INCOMPARABLE, texts


def marks(file: str, times: list) -> dict:
    array = np.array(times)
    return marks_of(file, np.arange(len(times)) + 2, array, np.full(len(times), array.dtype.kind == "M"))


@pytest.mark.parametrize("case", INCOMPARABLE.values(), ids=INCOMPARABLE)
def test_a_log_that_mixes_times_is_refused(tmp_path, case):
    case.write(tmp_path)
    with pytest.raises(LogError) as refused:
        load_splits(DataConfig(path=str(tmp_path)))
    assert str(refused.value) == case.said.format(tmp_path)


def test_blocks_of_one_file_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 64)
    texts(a=[*(str(1_700_000_000 + n) for n in range(50)), "1700000050000"])(tmp_path)
    with pytest.raises(LogError, match=r"seconds since 1970 in row 2 .* milliseconds since 1970 in row 52 \("):
        list(read_log(DataConfig(path=str(tmp_path))))


def test_rows_that_are_set_aside_do_not_count(tmp_path):
    (tmp_path / "a.csv").write_text("user_id,item_id,timestamp\nu,a,1700000000\n,b,2026-01-01\nu,,1700000000000\n")
    (batch,) = read_log(DataConfig(path=str(tmp_path)))
    assert batch.times.tolist() == [1_700_000_000] and len(batch.rejected) == 2


@pytest.mark.parametrize(
    "times",
    [
        [0, 1, 2**31],
        [-5, 10**9],
        [1.5, 2**53],
        [10**8 * 10**step for step in range(10)],  # counts from its own beginning, in a small unit
        [1_700_000_000_000, 10**10],
    ],
)
def test_one_unit_may_span_what_it_likes(times):
    assert conflict(marks("a.csv", times)) is None


@given(st.permutations(["a.csv", "b.csv", "c.csv", "d.csv"]), st.randoms())
def test_what_is_said_does_not_depend_on_who_read_what_first(files, chance: random.Random):
    times = {"a.csv": [5, 6], "b.csv": [10**12], "c.csv": [10**9, 10**18], "d.csv": [10**15]}
    parts = [marks(file, times[file]) for file in files]
    cut = chance.randrange(5)
    joined = join_marks([join_marks(parts[:cut]), join_marks(parts[cut:])])
    found = conflict(joined)
    assert found and "b.csv has milliseconds since 1970 in row 2 (1000000000000)" in found
    assert "c.csv has seconds since 1970 in row 2 (1000000000)" in found


def test_a_former_day_in_another_unit_is_refused(tmp_path: Path):
    """Before, the newest month sorted before the oldest."""
    (tmp_path / "2026-01.csv").write_text("user_id,item_id,timestamp\nu,a,1767225600\nu,b,1767312000\n")
    (tmp_path / "2026-02.csv").write_text("user_id,item_id,timestamp\nu,c,1769904000000\n")
    with pytest.raises(LogError, match=r"2026-01\.csv has seconds .*2026-02\.csv has milliseconds"):
        load_splits(DataConfig(path=str(tmp_path)))

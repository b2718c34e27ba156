"""Which directories are versions: TF Serving's rule, for the pusher, the server and the refresh."""

import itertools
from pathlib import Path

import pytest

from dimerec_tf.export.push import push
from dimerec_tf.export.versions import MODEL_FILE, PUBLISHING, by_number, complete, directories, repeated


def test_names_of_digits_count(tmp_path: Path) -> None:
    for name in ("1", "12", "0", " 5", "-3", ".tmp-3", "4x", "\u0663", "1_0", str(2**63 - 1), str(2**63)):
        (tmp_path / name).mkdir()
        (tmp_path / name / MODEL_FILE).touch()
    (tmp_path / "13").mkdir()
    (tmp_path / "14").touch()
    assert sorted(complete(tmp_path)) == [0, 1, 5, 12, 2**63 - 1]
    assert sorted(set(directories(tmp_path)) - set(complete(tmp_path))) == [13]
    assert complete(tmp_path)[5] == tmp_path / " 5"


@pytest.mark.parametrize("names", list(itertools.permutations(["1", "01", "001"])))
def test_of_names_for_one_number_the_last_by_name_counts_in_whatever_order_they_are_listed(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    assert by_number(names) == {1: "1"}
    for name in names:
        (tmp_path / name).mkdir()
    assert directories(tmp_path) == {1: tmp_path / "1"}
    assert repeated(tmp_path) == {"001": "1", "01": "1"}


def test_of_several_names_the_ones_that_hold_a_model_count(tmp_path: Path) -> None:
    for name in ("1", "01"):
        (tmp_path / name).mkdir()
    (tmp_path / "01" / MODEL_FILE).touch()
    assert complete(tmp_path) == {1: tmp_path / "01"}


def test_a_version_that_is_not_in_place_everywhere_is_none(tmp_path: Path) -> None:
    source = tmp_path / "model" / "exact"
    source.mkdir(parents=True)
    (source / MODEL_FILE).touch()
    base = tmp_path / "serving" / "dimerec"
    push(source, base)
    (source / MODEL_FILE).write_text("other")
    push(source, base)
    (base.parent / PUBLISHING).write_text('{"version": 2, "bases": ["dimerec_ivf", "dimerec"]}')
    assert sorted(complete(base)) == [1] and sorted(directories(base)) == [1, 2]
    (base.parent / PUBLISHING).write_text('{"version": 2, "bases": ["another"]}')
    assert sorted(complete(base)) == [1, 2]

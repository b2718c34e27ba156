"""Which items a catalogue has after a change, and their vectors."""

from pathlib import Path

import numpy as np
import pytest

from dimerec_tf.export.catalogue_changes import Catalogue, ChangeRefused, NewItem, read_new_items, read_withdrawn

TABLE = np.arange(18, dtype=np.float32).reshape(6, 3)
BEFORE = Catalogue(["a", "b", "c", "d", "e"], 4, TABLE)  # e was withdrawn


def test_withdrawn_items_go_last_and_keep_their_vectors() -> None:
    after = BEFORE.changed(["b", "never heard of"], [])
    assert after.ids == ["a", "c", "d", "b", "e"] and after.num_live == 3
    np.testing.assert_array_equal(after.table, TABLE[[0, 1, 3, 4, 2, 5]])


def test_new_items_are_the_least_popular_and_start_where_they_are_told() -> None:
    new = [
        NewItem(item_id="x", vector=[1, 2, 3]),
        NewItem(item_id="y", cooccurring=["a", "a", "c", "who?"]),
        NewItem(item_id="e"),
    ]
    after = BEFORE.changed(["d"], new)
    assert after.ids == ["a", "b", "c", "x", "y", "e", "d"] and after.num_live == 6
    np.testing.assert_array_equal(after.table[4], [1, 2, 3])
    np.testing.assert_allclose(after.table[5], (2 * TABLE[1] + TABLE[3]) / 3)
    np.testing.assert_array_equal(after.table[[6, 7]], TABLE[[5, 4]])
    assert after.table.dtype == np.float32


def test_a_change_and_its_opposite_give_the_same_items() -> None:
    there_and_back = BEFORE.changed(["a"], []).changed([], [NewItem(item_id="a")])
    assert set(there_and_back.ids[:4]) == set(BEFORE.ids[:4]) and there_and_back.ids[4] == "e"
    for item in BEFORE.ids:
        rows = [catalogue.table[catalogue.ids.index(item) + 1] for catalogue in (BEFORE, there_and_back)]
        np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("withdrawn", "new", "message"),
    [
        ([], [{"item_id": "a"}], "'a' is in the catalogue already"),
        ([], [{"item_id": "x"}], "Nothing says where 'x' starts"),
        ([], [{"item_id": "x", "cooccurring": ["who?"]}], "Nothing says where 'x' starts"),
        ([], [{"item_id": "x", "vector": [1, 2]}], "vector of 'x' must be 3 finite numbers"),
        ([], [{"item_id": "x", "vector": [1, 2, float("nan")]}], "vector of 'x' must be 3 finite numbers"),
        ([], [{"item_id": "x", "vector": [1, 2, 3]}] * 2, "new twice"),
        (["x"], [{"item_id": "x", "vector": [1, 2, 3]}], "new and withdrawn at once"),
        (["a", "b", "c", "d"], [], "All items of the catalogue are withdrawn"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(withdrawn: list[str], new: list[dict], message: str) -> None:
    with pytest.raises(ChangeRefused, match=message):
        BEFORE.changed(withdrawn, [NewItem.model_validate(item) for item in new])


def test_the_files_are_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").write_text("a\nb c\n\n")
    assert read_withdrawn(tmp_path / "gone.txt") == ["a", "b c"]
    (tmp_path / "new.jsonl").write_text('{"item_id": "x", "cooccurring": ["a"]}\n\n{"item_id": "e"}\n')
    assert read_new_items(tmp_path / "new.jsonl") == [NewItem(item_id="x", cooccurring=["a"]), NewItem(item_id="e")]


@pytest.mark.parametrize("line", ["x", "[1]", "{}", '{"item_id": ""}', '{"item_id": "x", "vektor": [1]}'])
def test_a_line_that_is_no_item_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "new.jsonl").write_text(f'{{"item_id": "x"}}\n{line}\n')
    with pytest.raises(ChangeRefused, match=r"^Line 2 of \S+ must be such as"):
        read_new_items(tmp_path / "new.jsonl")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChangeRefused, match="cannot be read"):
        read_withdrawn(tmp_path / "absent.txt")

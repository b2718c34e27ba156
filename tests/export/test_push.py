"""Exports become versions, whole or not at all."""

import os
import shutil
from pathlib import Path

import pytest

from dimerec_tf.config import IndexName
from dimerec_tf.export import push as exporting
from dimerec_tf.export.push import NewerVersion, index_folder, push
from dimerec_tf.export.warmup import WARMUP_FILE

INDEXES: tuple[IndexName, ...] = ("ivf", "scann")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "dimerec"


def _export(root: Path, text: str, indexes: tuple[IndexName, ...] = INDEXES) -> Path:
    exact = root / "Format-Serving"
    for path in (exact, *(index_folder(exact, index) for index in indexes)):
        (path / "variables").mkdir(parents=True)
        (path / "saved_model.pb").write_text(text)
        (path / "variables" / "data").write_text(text + path.name)
        (path / WARMUP_FILE).parent.mkdir()
        (path / WARMUP_FILE).write_text(f"warm-up of {text} {path.name}")
    return exact


def _names(directory: Path) -> list[str]:
    names = (entry.name for entry in directory.iterdir()) if directory.exists() else ()
    return sorted(name for name in names if name != exporting.LOCK)


def test_versions_count_up_and_all_exports_share_the_number(tmp_path: Path, base: Path) -> None:
    assert push(_export(tmp_path / "a", "a"), base) == 1
    assert push(_export(tmp_path / "b", "b"), base) == 2
    assert (
        _names(base) == _names(base.with_name("dimerec_ivf")) == _names(base.with_name("dimerec_scann")) == ["1", "2"]
    )
    assert (base / "2" / "variables" / "data").read_text() == "bFormat-Serving"


def test_every_pushed_copy_keeps_its_warm_up_requests(tmp_path: Path, base: Path) -> None:
    push(_export(tmp_path / "a", "a"), base)
    for pushed, export in [("dimerec", "Format-Serving"), *((f"dimerec_{i}", f"Format-Serving-{i}") for i in INDEXES)]:
        assert (base.with_name(pushed) / "1" / WARMUP_FILE).read_text() == f"warm-up of a {export}"


def test_the_same_model_again_is_not_copied(tmp_path: Path, base: Path) -> None:
    export = _export(tmp_path / "a", "a")
    assert push(export, base) == push(export, base) == 1
    assert _names(base) == ["1"]


def test_a_version_is_on_the_disk_before_it_is_seen_and_so_is_its_name(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, Path]] = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append(("on disk", Path(f"/dev/fd/{number}").readlink())))
    rename = Path.rename

    def noted(source: Path, target: Path) -> Path:
        done.append(("seen", target))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", noted)
    push(_export(tmp_path / "a", "one", ()), base)
    seen = done.index(("seen", base / "1"))
    ready = {path.name for what, path in done[:seen] if what == "on disk" and path.is_relative_to(base)}
    assert {"saved_model.pb", "variables", "data", "dimerec"} <= ready
    assert ("on disk", base) in done[seen:]


def test_an_older_model_again_is_a_new_version(tmp_path: Path, base: Path) -> None:
    first, second = _export(tmp_path / "a", "a"), _export(tmp_path / "b", "b")
    assert [push(first, base), push(second, base), push(first, base)] == [1, 2, 3]


def test_an_index_that_was_not_exported_gets_no_directory(tmp_path: Path, base: Path) -> None:
    push(_export(tmp_path / "a", "a", indexes=("ivf",)), base)
    assert _names(base.parent) == ["dimerec", "dimerec_ivf"]


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_push_killed_in_the_middle_leaves_no_version_and_the_next_one_succeeds(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    copies = 0

    def killed(source: Path, target: Path) -> None:
        nonlocal copies
        copies += 1
        if copies == killed_at:
            target.mkdir(parents=True)
            shutil.copy(source / "saved_model.pb", target)
            raise KeyboardInterrupt
        copy(source, target)

    copy = exporting._copy
    export = _export(tmp_path / "a", "a")
    monkeypatch.setattr(exporting, "_copy", killed)
    with pytest.raises(KeyboardInterrupt):
        push(export, base)
    assert not [name for name in _names(base) if name.isdecimal()]
    assert not list(base.parent.glob(f"*/{exporting.TEMPORARY_PREFIX}*"))
    monkeypatch.undo()
    assert push(export, base) == 1
    assert _names(base) == _names(base.with_name("dimerec_ivf")) == _names(base.with_name("dimerec_scann")) == ["1"]


def test_what_a_push_of_an_earlier_release_left_half_is_not_replaced(tmp_path: Path, base: Path) -> None:
    half = _export(tmp_path / "a", "a")
    shutil.copytree(index_folder(half, "scann"), base.with_name("dimerec_scann") / "1")
    assert push(_export(tmp_path / "b", "b"), base) == 2
    scann_base = base.with_name("dimerec_scann")
    assert [(scann_base / version / "saved_model.pb").read_text() for version in "12"] == ["a", "b"]
    assert _names(base) == ["2"]


def test_a_version_that_was_begun_and_lost_files_is_taken_back(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(exporting, "_put_in_place", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        push(_export(tmp_path / "a", "a"), base)
    shutil.rmtree(base / f"{exporting.TEMPORARY_PREFIX}1")
    assert push(_export(tmp_path / "b", "b"), base) == 1
    assert [(base.with_name(name) / "1" / "saved_model.pb").read_text() for name in ("dimerec", "dimerec_ivf")] == [
        "b",
        "b",
    ]


def test_what_was_made_from_a_version_is_not_pushed_over_a_newer_one(tmp_path: Path, base: Path) -> None:
    first, second, of_first = (_export(tmp_path / name, name) for name in "abc")
    assert push(first, base) == 1
    assert push(second, base, follows=1) == 2
    with pytest.raises(NewerVersion, match=f"^Version 2 came to {base} while version 1 was worked on: start again"):
        push(of_first, base, follows=1)
    assert _names(base) == ["1", "2"]


def test_a_number_that_is_written_otherwise_counts(tmp_path: Path, base: Path) -> None:
    export = _export(tmp_path / "a", "a", indexes=())
    shutil.copytree(export, base / "007")
    assert push(export, base) == 7, "it is this model"
    assert push(_export(tmp_path / "b", "b", indexes=()), base) == 8
    assert _names(base) == ["007", "8"]


def test_numbers_go_on_after_one_side_was_emptied(tmp_path: Path, base: Path) -> None:
    for text in "ab":
        push(_export(tmp_path / text, text), base)
    shutil.rmtree(base)
    assert push(_export(tmp_path / "c", "c"), base) == 3
    assert _names(base.with_name("dimerec_scann")) == ["1", "2", "3"]


def test_a_scann_export_that_got_lost_is_pushed_again_under_its_number(tmp_path: Path, base: Path) -> None:
    export = _export(tmp_path / "a", "a")
    push(export, base)
    shutil.rmtree(base.with_name("dimerec_scann"))
    assert push(export, base) == 1
    assert _names(base) == _names(base.with_name("dimerec_ivf")) == _names(base.with_name("dimerec_scann")) == ["1"]


def test_another_index_of_the_same_model_is_a_new_version(tmp_path: Path, base: Path) -> None:
    export = _export(tmp_path / "a", "a")
    push(export, base)
    (index_folder(export, "ivf") / "saved_model.pb").write_text("other leaves")
    assert push(export, base) == 2
    assert (
        _names(base) == _names(base.with_name("dimerec_ivf")) == _names(base.with_name("dimerec_scann")) == ["1", "2"]
    )

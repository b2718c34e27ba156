"""Pushes where no directory can be renamed."""

from pathlib import Path

import pytest
from tfx.utils import io_utils

from tfx_pipeline.components.atomic_pusher import bucket
from tfx_pipeline.components.atomic_pusher.bucket import push_to_bucket, versions


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "dimerec"


def export(root: Path, text: str) -> str:
    for name in ("Format-Serving", "Format-Serving-ivf"):
        (root / name / "variables").mkdir(parents=True)
        (root / name / "saved_model.pb").write_text(text)
        (root / name / "variables" / "data").write_text(text + name)
    return str(root / "Format-Serving")


def test_versions_count_up_under_one_number_for_the_model_and_its_index(tmp_path: Path, base: Path) -> None:
    assert push_to_bucket(export(tmp_path / "a", "a"), str(base)) == 1
    assert push_to_bucket(export(tmp_path / "b", "b"), str(base)) == 2
    assert versions(str(base)) == versions(f"{base}_ivf") == [1, 2] and not base.with_name("dimerec_scann").exists()
    assert (base / "2" / "variables" / "data").read_text() == "bFormat-Serving"


def test_the_same_model_again_is_not_copied(tmp_path: Path, base: Path) -> None:
    model = export(tmp_path / "a", "a")
    assert [push_to_bucket(model, str(base)) for _ in range(2)] == [1, 1]
    assert versions(str(base)) == [1]


def test_an_older_model_again_is_a_new_version(tmp_path: Path, base: Path) -> None:
    first, second = export(tmp_path / "a", "a"), export(tmp_path / "b", "b")
    assert [push_to_bucket(model, str(base)) for model in (first, second, first)] == [1, 2, 3]


@pytest.mark.parametrize("killed_at", [1, 2, 3, 4])
def test_a_killed_push_leaves_nothing_that_a_server_loads_and_the_next_one_succeeds(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    copies = 0

    def killed(source: str, target: str) -> None:
        nonlocal copies
        copies += 1
        if copies == killed_at:
            raise KeyboardInterrupt
        io_utils.copy_file(source, target)

    model = export(tmp_path / "a", "a")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(bucket, "_copy", killed)
        push_to_bucket(model, str(base))
    assert versions(str(base)) == []
    pushed = push_to_bucket(model, str(base))
    assert versions(str(base)) == versions(f"{base}_ivf")[-1:] == [pushed]
    assert (base / str(pushed) / "variables" / "data").read_text() == "aFormat-Serving"

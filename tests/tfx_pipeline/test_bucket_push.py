"""Pushes where no directory can be renamed."""

from pathlib import Path

import pytest
from tfx.utils import io_utils

from tfx_pipeline.components.atomic_pusher import bucket
from tfx_pipeline.components.atomic_pusher.bucket import CLAIM, PushDisturbed, push_to_bucket, versions


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
    assert (
        list(versions(str(base))) == list(versions(f"{base}_ivf")) == [1, 2]
        and not base.with_name("dimerec_scann").exists()
    )
    assert (base / "2" / "variables" / "data").read_text() == "bFormat-Serving"


def test_the_same_model_again_is_not_copied(tmp_path: Path, base: Path) -> None:
    model = export(tmp_path / "a", "a")
    assert [push_to_bucket(model, str(base)) for _ in range(2)] == [1, 1]
    assert versions(str(base)) == {1: "1"}


def test_an_older_model_again_is_a_new_version(tmp_path: Path, base: Path) -> None:
    first, second = export(tmp_path / "a", "a"), export(tmp_path / "b", "b")
    assert [push_to_bucket(model, str(base)) for model in (first, second, first)] == [1, 2, 3]


@pytest.mark.parametrize("killed_at", [1, 2, 3, 4])
def test_a_killed_push_leaves_nothing_that_a_server_loads_and_the_next_one_succeeds(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, killed_at: int
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
    assert versions(str(base)) == {}
    pushed = push_to_bucket(model, str(base))
    assert list(versions(str(base))) == list(versions(f"{base}_ivf"))[-1:] == [pushed]
    assert (base / str(pushed) / "variables" / "data").read_text() == "aFormat-Serving"
    assert push_to_bucket(export(tmp_path / "b", "b"), str(base)) == pushed + 1
    if killed_at > 1:
        assert f"{base}/1 is not finished. If no push runs that writes there, remove it." in caplog.text


def contents(base: Path, version: int) -> list[str]:
    folders = (base, base.with_name("dimerec_ivf"))
    return [(folder / str(version) / "variables" / "data").read_text() for folder in folders]


def test_a_push_that_runs_meanwhile_keeps_its_files_and_its_number(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, others = export(tmp_path / "a", "a"), [export(tmp_path / name, name) for name in "bc"]
    pushed: list[int] = []

    def copy(source: str, target: str) -> None:
        io_utils.copy_file(source, target)
        if source.startswith(slow) and others:
            pushed.append(push_to_bucket(others.pop(0), str(base)))

    monkeypatch.setattr(bucket, "_copy", copy)
    assert push_to_bucket(slow, str(base)) == 1 and pushed == [2, 3]
    assert [contents(base, version) for version in (1, 2, 3)] == [
        [f"{name}Format-Serving", f"{name}Format-Serving-ivf"] for name in "abc"
    ]


def test_a_number_that_another_push_claims_at_the_same_time_is_given_up(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {"1"}

    def write(file: str, text: str) -> None:
        io_utils.write_string_file(file, text)
        if Path(file).parent.name in taken:
            io_utils.write_string_file(str(Path(file).with_name(f"{CLAIM}of-another")), "")

    monkeypatch.setattr(bucket, "write_string_file", write)
    monkeypatch.setattr(bucket, "_PAUSE_SECONDS", 0.0)
    assert push_to_bucket(export(tmp_path / "a", "a"), str(base)) == 2
    taken.update(map(str, range(100)))
    with pytest.raises(PushDisturbed, match="Other pushes took 20 numbers"):
        push_to_bucket(export(tmp_path / "b", "b"), str(base))


def test_files_that_somebody_else_wrote_into_are_no_success(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: str, target: str) -> None:
        io_utils.copy_file(source, target)
        if target == f"{base}/1/saved_model.pb":
            io_utils.write_string_file(str(base / "1" / "variables" / "data"), "of another")

    monkeypatch.setattr(bucket, "_copy", copy)
    with pytest.raises(PushDisturbed, match="does not hold what was pushed"):
        push_to_bucket(export(tmp_path / "a", "a"), str(base))

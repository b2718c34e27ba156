"""Files and directories are whole or not there."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dimerec_tf import whole_files
from dimerec_tf.evaluation.bench_runs import _save
from dimerec_tf.evaluation.json_rows import replace_rows
from dimerec_tf.measuring.results import merge_results
from dimerec_tf.whole_files import remove_unfinished, whole_directory, write_text


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may be larger than 1,000 bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, former[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, former)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.mark.usefixtures("little_room")
def test_a_full_disk_leaves_every_kind_of_result_as_it_was(tmp_path: Path) -> None:
    row = {"model": "a", "text": "x" * 2000}
    writes = {
        "text.txt": lambda file: write_text(file, "x" * 2000),
        "rows.json": lambda file: replace_rows(file, [row], ["model"]),
        "results.json": lambda file: merge_results(file, {"section": row}),
        "run.npz": lambda file: _save(file, ranks=np.arange(1000)),
    }
    for name, write in writes.items():
        (tmp_path / name).write_text("[]" if name == "rows.json" else "{}")
        with pytest.raises(OSError) as failed:
            write(tmp_path / name)
        assert failed.value.errno == errno.EFBIG
        assert (tmp_path / name).read_text() in ("[]", "{}")
    assert names(tmp_path) == sorted(writes)


def test_a_kill_before_the_end_leaves_the_former_file(tmp_path: Path) -> None:
    (tmp_path / "result").write_text("former")
    program = """
import os, signal, sys
from pathlib import Path
from dimerec_tf.whole_files import whole_file
with whole_file(Path(sys.argv[1])) as unfinished:
    unfinished.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "result")], check=False)
    assert done.returncode == -9 and (tmp_path / "result").read_text() == "former"
    remove_unfinished(tmp_path)
    assert names(tmp_path) == ["result"]


def test_mode_and_link_of_a_file_stay_and_a_missing_directory_is_named_as_given(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("former")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "neu ä")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text(encoding="utf-8") == "neu ä"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    with pytest.raises(FileNotFoundError, match=f"'{tmp_path}/none/file'"):
        write_text(tmp_path / "none" / "file", "text")


def test_what_is_no_file_is_written_to_where_it_is(tmp_path: Path) -> None:
    read, written = os.pipe()
    with os.fdopen(read) as stream:
        write_text(Path(f"/dev/fd/{written}"), "to a pipe")
        os.close(written)
        assert stream.read() == "to a pipe"
    write_text(Path(os.devnull), "to nowhere")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_directory_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool) -> None:
    if not exchanges:
        monkeypatch.setattr(whole_files, "_EXCHANGE", 1 << 20)  # which no kernel knows
    for text in ("first", "second"):
        with whole_directory(tmp_path / "export") as unfinished:
            (unfinished / "variables").mkdir(parents=True)
            (unfinished / "variables" / text).write_text(text)
    assert names(tmp_path / "export" / "variables") == ["second"] and names(tmp_path) == ["export"]
    with pytest.raises(ValueError, match="no model"), whole_directory(tmp_path / "export") as unfinished:
        unfinished.mkdir()
        raise ValueError("no model")
    assert names(tmp_path / "export" / "variables") == ["second"] and names(tmp_path) == ["export"]


def test_a_directory_that_is_replaced_is_there_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "former").touch()
    monkeypatch.setattr(whole_files.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt), whole_directory(tmp_path / "export") as unfinished:
        unfinished.mkdir()
        (unfinished / "new").touch()
    assert names(tmp_path / "export") == ["new"]

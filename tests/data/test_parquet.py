"""A Parquet file that carries Python is refused, and its code does not run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dimerec_tf.config import DataConfig
from dimerec_tf.data.items import ItemsError, read_categories
from dimerec_tf.data.log_reader import LogError, read_log
from tests.parquet_with_code import write_with_code

COLUMNS = {"user_id": ["ann", "ann", "bob"], "item_id": ["x", "y", "x"], "timestamp": [1, 2, 3]}
PACKAGES = [Path(name) for name in ("dimerec_tf", "serving", "tfx_pipeline")]
OTHER_DOORS = re.compile(
    r"read_parquet|read_feather|pyarrow\.(feather|dataset|ipc|orc)|\bpa\.ipc|pyarrow\.parquet|\.pq\b"
)


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("nested", [False, True])
def test_a_careless_pyarrow_runs_the_code(tmp_path: Path, nested: bool) -> None:
    """The files of the tests below are dangerous: pyarrow alone runs them, unless it is new."""
    marker = tmp_path / "marker"
    file = write_with_code(tmp_path / "log.parquet", marker, COLUMNS, nested)
    version = run("-c", "import pyarrow; print(pyarrow.__version__)").stdout.split(".")
    run("-c", f"import pyarrow.parquet; pyarrow.parquet.ParquetFile({str(file)!r})")
    assert marker.exists() == (tuple(map(int, version[:2])) < (14, 1))


@pytest.mark.parametrize("nested", [False, True])
def test_data_check_refuses_a_log_that_carries_python(tmp_path: Path, nested: bool) -> None:
    marker, config = tmp_path / "marker", tmp_path / "config.yaml"
    file = write_with_code(tmp_path / "log.parquet", marker, COLUMNS, nested)
    config.write_text(f"data:\n  path: {file}\n")
    command = Path(sys.executable).with_name("dimerec")
    result = subprocess.run([command, "data", "check", "--config", config], capture_output=True, text=True)
    assert not marker.exists()
    assert result.returncode == 1
    said = " ".join(result.stderr.split())
    assert f"The log file {file} cannot be read: a column of it is of a Python type" in said
    assert "pickle" not in said and "Traceback" not in said


def test_every_reader_of_a_log_refuses_it(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    file = write_with_code(tmp_path / "log.parquet", marker, COLUMNS)
    with pytest.raises(LogError, match=r"log\.parquet cannot be read: a column of it is of a Python type"):
        list(read_log(DataConfig(path=str(file))))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["items.parquet", "items.csv"])
def test_the_item_reader_refuses_it(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    file = write_with_code(tmp_path / name, marker, {"item_id": ["x", "y"], "category": ["a", "b"]})
    script = f"""
from dimerec_tf.config import DataConfig
from dimerec_tf.data.items import ItemsError, read_categories
try:
    read_categories(DataConfig(path="log.csv", items_path={str(file)!r}))
except ItemsError as error:
    print("refused", error)
"""
    result = run("-c", script)
    assert result.stdout.startswith("refused") and name in result.stdout, result.stderr
    with pytest.raises(ItemsError, match=re.escape(name)):
        read_categories(DataConfig(path="log.csv", items_path=str(file)))
    assert not marker.exists()


def test_columns_without_code_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(COLUMNS), tmp_path / "log.parquet")
    (batch,) = read_log(DataConfig(path=str(tmp_path / "log.parquet")))
    assert batch.users.tolist() == COLUMNS["user_id"] and batch.times.tolist() == COLUMNS["timestamp"]


def test_no_other_module_opens_arrow_files() -> None:
    """A reader that goes past `dimerec_tf.data.parquet` would run what a file carries."""
    files = [file for package in PACKAGES for file in package.rglob("*.py")]
    others = [str(file) for file in files if OTHER_DOORS.search(file.read_text(encoding="utf-8"))]
    assert len(files) > 100 and others == ["dimerec_tf/data/parquet.py"]

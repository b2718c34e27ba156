"""What users install: the wheel is built from the source distribution, installed elsewhere, and used there."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from dimerec_tf.config import preset_names
from tests.e2e.small_log import small_config, write_log

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [UV, "build", "--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, ROOT],
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; its dependencies are those of this one."""
    environment = tmp_path_factory.mktemp("elsewhere") / "venv"
    (wheel,) = built.glob("*.whl")
    python = environment / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def _run(program: Path, *arguments: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    finished = subprocess.run(
        [program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_both_hold_what_is_no_code(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(source) as archive:
        in_source = {name.partition("/")[2] for name in archive.getnames()}
    data = {"dimerec_tf/py.typed", "tfx_pipeline/schema/schema.pbtxt", "serving/server/proto/ssl_config.proto"}
    data |= {f"dimerec_tf/presets/{name}.yaml" for name in preset_names()}
    assert data <= in_wheel and data | {"setup.py", "README.md", "LICENSE"} <= in_source
    assert not [name for name in in_wheel if name.startswith("tests/")]


def test_the_installed_library_is_the_wheel_with_its_presets(installed: Path, tmp_path: Path) -> None:
    code = (
        "import json, dimerec_tf; from dimerec_tf.config import preset_names, load_preset; "
        "print(json.dumps([dimerec_tf.__file__, [name for name in preset_names() if load_preset(name)]]))"
    )
    file, presets = json.loads(_run(installed / "python", "-c", code, cwd=tmp_path))
    assert Path(file).is_relative_to(installed.parent) and presets == preset_names()


def test_the_installed_command_finds_nothing_broken(installed: Path, tmp_path: Path) -> None:
    assert "doctor" in _run(installed / "dimerec", "--help", cwd=tmp_path)
    findings = json.loads(_run(installed / "dimerec", "doctor", "--json", cwd=tmp_path))
    assert not [finding for finding in findings if finding["state"] == "broken"]


def test_the_installed_command_trains_and_measures(installed: Path, tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    (tmp_path / "ring.yaml").write_text(small_config(Path("log.csv"), training={"epochs": 2}).to_yaml())
    _run(installed / "dimerec", "train", "--config", "ring.yaml", "--output", "model", cwd=tmp_path)
    found = json.loads(_run(installed / "dimerec", "evaluate", "--model", "model/exact", "--json", cwd=tmp_path))
    assert list(found["metrics"]) == ["popularity", "sequential_rules", "dimerec"]

"""Dockerfiles pass hadolint, run as nobody special, and pin what they start from."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.deploy.files import DEPLOY, ROOT

PIPELINE = ROOT / "tfx_pipeline" / "image"
DOCKERFILES = [*sorted(DEPLOY.glob("*/Dockerfile")), PIPELINE / "Dockerfile"]
HADOLINT = Path(sys.executable).with_name("hadolint")


def instructions(path: Path) -> list[str]:
    text = path.read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    result = lint(path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN apt-get install curl\n")
    result = lint(tmp_path / "Dockerfile")
    assert result.returncode != 0 and "DL3006" in result.stdout


@pytest.mark.parametrize("folder", [DEPLOY / "tf_serving", DEPLOY / "embedded", PIPELINE], ids=lambda path: path.name)
def test_nothing_runs_as_root(folder: Path) -> None:
    users = [line.split()[1] for line in instructions(folder / "Dockerfile") if line.startswith("USER ")]
    assert users and users[-1] == "65532:65532"


@pytest.mark.parametrize("folder", [DEPLOY / "embedded", PIPELINE], ids=lambda path: path.name)
def test_everything_that_an_image_copies_exists_and_is_sent(folder: Path) -> None:
    copies = [line.split()[1:-1] for line in instructions(folder / "Dockerfile") if line.startswith("COPY ")]
    sources = [source for copy in copies for source in copy if not copy[0].startswith("--from")]
    ignore = (folder / "Dockerfile.dockerignore").read_text().splitlines()
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(f"{source}/".startswith(f"{sent[1:]}/") for sent in ignore if sent.startswith("!")), source

"""What is installed from the lock files is what was locked, byte for byte."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOOLS = Path("requirements/audit.txt")
LOCKS = sorted(set(Path("requirements").glob("*.txt")) - {TOOLS})
INSTALLS = {
    "scripts/setup_venv.sh": 2,  # uv, and by it the rest
    "serving/deploy/embedded/Dockerfile": 1,
    "tfx_pipeline/image/Dockerfile": 1,
}


def requirements(lock: Path) -> dict[str, list[str]]:
    """The hashes of each requirement, `name==version`."""
    entries = re.split(r"^(?=\S)", lock.read_text(), flags=re.M)[1:]
    return {entry.split()[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry) for entry in entries}


@pytest.mark.parametrize("lock", [*LOCKS, TOOLS], ids=lambda lock: lock.stem)
def test_every_requirement_has_one_version_and_hashes(lock: Path) -> None:
    found = requirements(lock)
    assert len(found) > 40
    assert [entry for entry in found if not re.fullmatch(r"[a-z0-9.-]+(\[[a-z,]+\])?==[0-9][^\s;]*", entry)] == []
    assert [entry for entry, hashes in found.items() if not hashes] == []
    assert "://" not in re.sub(r"#.*", "", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_install_has_what_refuses_parquet_files_with_code(lock: Path) -> None:
    assert any(entry.startswith("pyarrow-hotfix==") for entry in requirements(lock))


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock.stem != "all"], ids=lambda lock: lock.stem)
def test_the_smaller_locks_are_parts_of_the_whole(lock: Path) -> None:
    whole = requirements(Path("requirements/all.txt"))
    assert {entry for entry, hashes in requirements(lock).items() if whole.get(entry) != hashes} == set()


@pytest.mark.parametrize(("file", "calls"), INSTALLS.items())
def test_every_installation_asks_for_hashes(file: str, calls: int) -> None:
    installing = [
        line for line in Path(file).read_text().splitlines() if re.search(r"pip.* install .*(-r|--req)", line)
    ]
    assert len(installing) == calls
    assert all("--require-hashes" in line for line in installing)


def test_uv_refuses_a_file_that_is_not_the_locked_one(tmp_path: Path) -> None:
    """With the options of the set-up; the altered wheel has the name and version of the locked one."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"

    def build(code: str) -> str:
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr("tiny.py", code)
            file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
            file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr("tiny-1.0.dist-info/RECORD", "")
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    def install() -> subprocess.CompletedProcess:
        uv = [
            Path(sys.executable).with_name("uv"),
            "pip",
            "install",
            "--no-index",
            "--find-links",
            tmp_path,
            "--no-cache",
        ]
        options = ["--require-hashes", "--target", tmp_path / "to", "--requirement", tmp_path / "lock.txt"]
        return subprocess.run([*uv, *options], capture_output=True, text=True)

    locked = build("honest = True")
    (tmp_path / "lock.txt").write_text(f"tiny==1.0 --hash=sha256:{locked}\n")
    assert install().returncode == 0 and (tmp_path / "to" / "tiny.py").exists()
    shutil.rmtree(tmp_path / "to")
    build("honest = False")
    refused = install()
    assert refused.returncode != 0 and "ash mismatch" in refused.stderr
    (tmp_path / "lock.txt").write_text("tiny==1.0\n")
    assert install().returncode != 0


def test_the_browsers_lock_has_a_hash_for_every_package() -> None:
    packages = json.loads(Path("requirements/browser/package-lock.json").read_text())["packages"]
    assert [name for name, facts in packages.items() if name and not facts["integrity"].startswith("sha512-")] == []
    assert "npm ci " in Path("scripts/setup_browser.sh").read_text(), "npm ci checks them, npm install may rewrite them"

"""A tag becomes a release only if it is the version's and the changelog has a date for it."""

import runpy
import subprocess
import sys

import pytest

import dimerec_tf

SCRIPT = "scripts/check_release.py"
PACKAGE = '"""Words."""\n__version__ = "1.2.3"\n'
DATED = "## Unreleased\n\n## 1.2.3 (2030-01-31)\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "wrong"),
    [
        ("v1.2.3", DATED, []),
        ("v1.2.4", DATED, ["The tag is v1.2.4"]),
        ("1.2.3", DATED, ["The tag is 1.2.3"]),
        ("v1.2.3", "## Unreleased\n", ["no section"]),
        ("v1.2.3", "## 1.2.3\n", ["no section"]),
        ("v1.2.3", "## 11.2.3 (2030-01-31)\n", ["no section"]),
        ("v1.2.4", "", ["The tag is v1.2.4", "no section"]),
    ],
)
def test_tag_version_and_changelog_have_to_agree(tag: str, changelog: str, wrong: list[str]) -> None:
    found = runpy.run_path(SCRIPT)["faults"](tag, PACKAGE, changelog)
    assert len(found) == len(wrong) and all(words in line for words, line in zip(wrong, found, strict=True))


@pytest.mark.parametrize(("tag", "status"), [(f"v{dimerec_tf.__version__}", 0), ("v0.0.0", 1)])
def test_the_project_as_it_is(tag: str, status: int) -> None:
    finished = subprocess.run([sys.executable, SCRIPT, tag], capture_output=True, text=True)
    assert (finished.returncode, bool(finished.stderr)) == (status, bool(status))

"""The version stands in one place, and the changelog has a dated section for it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dimerec_tf

ROOT = Path(__file__).parents[1]
SOURCE = "dimerec_tf/__init__.py"
GENERATED = ("requirements/", "docs/licences.md", "docs/benchmarks/")  # versions of others, and numbers


def repeats(text: str, version: str) -> list[str]:
    """Lines with the version, not as a part of another number."""
    return [line for line in text.splitlines() if re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)", line)]


def test_no_other_file_repeats_it() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if name and not name.startswith(GENERATED)]
    assert len(files) > 500
    found = {}
    for name in files:
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found[name] = repeats(text, dimerec_tf.__version__)
    assert {name for name, lines in found.items() if lines} == {SOURCE, "CHANGELOG.md"}


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("dimerec-serving:1.2.3", True),
        ("dimerec-1.2.3-py3-none-any.whl", True),
        ("is 1.2.3.", True),
        ("11.2.3", False),
        ("1.2.30", False),
        ("1.2.3.4", False),
    ],
)
def test_a_repeat_is_found_and_another_number_is_none(line: str, is_one: bool) -> None:
    assert bool(repeats(line, "1.2.3")) == is_one


def test_setup_py_takes_it_from_there_without_tensorflow() -> None:
    code = "import sys; sys.argv = ['setup.py', '--version']; import runpy; runpy.run_path('setup.py'); "
    code += "print(sorted({'tensorflow', 'dimerec_tf'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-2:] == [dimerec_tf.__version__, "[]"]


def test_the_newest_dated_section_of_the_changelog_is_of_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(dimerec_tf.__version__)} \(\d{{4}}-\d{{2}}-\d{{2}}\)", headings[1])

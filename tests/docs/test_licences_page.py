"""The page of licences is what `make licences` writes."""

import runpy
from importlib import metadata
from pathlib import Path

import pytest

LICENCES = runpy.run_path("scripts/licences.py")


def test_the_page_lists_every_locked_package_with_what_it_says() -> None:
    lock = Path("requirements/all.txt")
    text = Path("docs/licences.md").read_text(encoding="utf-8")
    assert text == LICENCES["page"](lock), "run `make licences`"
    assert text.count("\n| ") - 1 == sum("==" in line and line[0].isalnum() for line in lock.read_text().splitlines())


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: other", "MIT OR Apache-2.0"),
        ("License: x\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: BSD 3-Clause", "BSD 3-Clause"),
        ("License: UNKNOWN", "not said"),
        ("Classifier: License :: OSI Approved", "not said"),
        (f"License: {'a whole licence ' * 20}", "not said"),
        ("Name: x", "not said"),
    ],
)
def test_a_licence_is_what_the_metadata_say(lines: str, licence: str, tmp_path: Path) -> None:
    folder = tmp_path / "x-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\n{lines}\n\n")
    assert LICENCES["licence_of"](metadata.PathDistribution(folder).metadata) == licence

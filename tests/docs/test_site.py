"""The site builds, and no link, anchor or picture in it leads nowhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MKDOCS = Path(sys.executable).with_name("mkdocs")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def _build(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MKDOCS, "build", *arguments],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: a warning is an error there."""
    folder = tmp_path_factory.mktemp("site")
    result = _build("--site-dir", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_site_has_every_page_and_the_docstrings(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert pages | {
        Path("CONTRIBUTING.html"),
        Path("GLOSSARY.html"),
        Path("CHANGELOG.html"),
        Path("SECURITY.html"),
    } <= {path.relative_to(site) for path in site.rglob("*.html")}
    assert 'id="dimerec_tf.models.dimerec.DimeRec.query"' in (site / "api/models.html").read_text()


def test_pages_beside_docs_link_within_the_site(site: Path) -> None:
    assert 'href="adr/0001-one-stack.html"' in (site / "CONTRIBUTING.html").read_text()
    assert 'href="../GLOSSARY.html"' in (site / "api/index.html").read_text()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[gone](gone.md)", "'gone.md', but the target is not found"),
        ("[gone](#gone)", "no such anchor"),
        ("![gone](images/gone.png)", "'images/gone.png', but the target is not found"),
    ],
)
def test_what_leads_nowhere_fails_the_build(link: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Title\n\n{link}\n")
    settings = (ROOT / "mkdocs.yml").read_text()
    validation = settings[settings.index("validation:") : settings.index("nav:\n")]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: t\nstrict: true\nplugins: []\n{validation}")
    result = _build("--config-file", tmp_path / "mkdocs.yml", "--site-dir", tmp_path / "site")
    assert result.returncode == 1
    assert said in result.stderr


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md", "SECURITY.md"])
def test_pages_beside_docs_link_to_files_that_exist(name: str) -> None:
    assert [link for link in LINK.findall((ROOT / name).read_text()) if not (ROOT / link).exists()] == []

"""Refuses a release whose tag, version and changelog do not agree: check_release.py TAG"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def faults(tag: str, package: str, changelog: str) -> list[str]:
    """What is wrong with a tag, by the texts of dimerec_tf/__init__.py and CHANGELOG.md."""
    (version,) = re.findall(r'^__version__ = "([^"]+)"', package, re.M)
    found = []
    if tag != f"v{version}":
        found.append(f"The tag is {tag}, and the version in dimerec_tf/__init__.py is {version}: tag v{version}.")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)$", changelog, re.M):
        found.append(f"CHANGELOG.md has no section '## {version} (YEAR-MONTH-DAY)'.")
    return found


if __name__ == "__main__":
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("dimerec_tf/__init__.py", "CHANGELOG.md")]
    sys.exit("\n".join(faults(sys.argv[1], *texts)) or 0)

"""Writes which licence each locked package says it has: licences.py LOCK PAGE.

A package says it in its metadata: as an expression of SPDX's names, as one of PyPI's classifiers, or as free text.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

UNKNOWN = "not said"
_LONGEST = 60  # free text may be the whole licence
_HEADER = """# Licences

The packages of `{lock}`, which is what `make setup` installs, and the licence that each names in its own metadata.
DimeRec itself is under Apache 2.0, and data sets have licences of their own. `make licences` writes this page anew.
"""


def licence_of(facts: metadata.PackageMetadata) -> str:
    """The licence that a package's metadata name, `UNKNOWN` if none."""
    if expression := facts.get("License-Expression"):
        return expression
    classified = [line.split(" :: ")[-1] for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    named = [name for name in classified if name != "OSI Approved"]
    text = " ".join((facts.get("License") or "").split())
    if named:
        return ", ".join(sorted(named))
    return text if 0 < len(text) <= _LONGEST and text.upper() != "UNKNOWN" else UNKNOWN


def page(lock: Path) -> str:
    """The page; a package of the lock that is not installed here is a KeyError of its metadata."""
    names = re.findall(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^\]]*\])?==", lock.read_text(encoding="utf-8"), flags=re.M)
    found = {name: (metadata.version(name), licence_of(metadata.metadata(name))) for name in names}
    unknown = [name for name, (_, licence) in found.items() if licence == UNKNOWN]
    lines = [_HEADER.format(lock=lock)]
    if unknown:
        lines.append(f"{len(unknown)} of {len(found)} do not say it there: {', '.join(unknown)}.\n")
    lines += ["| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {version} | {licence.replace('|', '/')} |" for name, (version, licence) in found.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1])), encoding="utf-8")

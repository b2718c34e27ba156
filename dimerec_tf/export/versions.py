"""Which directories are versions of a model, for everyone who asks: by TF Serving's rule."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MODEL_FILE = "saved_model.pb"
PUBLISHING = ".publishing.json"  # beside the directories of versions: what a push is putting into place
_NUMBER = re.compile(r"\s*[0-9]+\s*", re.ASCII)
MAX_NUMBER = 2**63 - 1


def by_number(names: Iterable[str]) -> dict[int, str]:
    """The names that are numbers of versions: digits alone, from 0 to 2^63 - 1, spaces around them do not count.

    Of names for the same number, such as `1`, `01` and `001`, the last in the order of their characters counts (`1`),
    as in TF Serving. A negative number, which TF Serving would take, is none.
    """
    return {int(name): name for name in sorted(names) if _NUMBER.fullmatch(name) and int(name) <= MAX_NUMBER}


def repeated(base: Path) -> dict[str, str]:
    """The names below `base` that do not count, each with the one for the same number that does."""
    names = [entry.name for entry in base.iterdir()]
    counting = by_number(names)
    others = {name: number for name in names for number in by_number([name])}
    return {name: counting[number] for name, number in sorted(others.items()) if counting[number] != name}


def directories(base: Path) -> dict[int, Path]:
    """The directories of versions below `base` by number, finished or not; none if there is no such directory."""
    names = [entry.name for entry in base.iterdir() if entry.is_dir()] if base.is_dir() else []
    return {number: base / name for number, name in by_number(names).items()}


def complete(base: Path) -> dict[int, Path]:
    """The versions that hold a SavedModel, by number; without one that a push has not put into place everywhere.

    Raises:
        OSError: the directory cannot be listed.
    """
    names = [entry.name for entry in base.iterdir() if (entry / MODEL_FILE).is_file()]
    # After the names: whoever reads in this order sees all exports of a version or none.
    hidden = unfinished(base)
    return {number: base / name for number, name in by_number(names).items() if number != hidden}


def unfinished(base: Path) -> int | None:
    """The number of the version that a push is putting into place below `base`, or was when it was killed."""
    published = read_publishing(base.parent)
    return published["version"] if published and base.name in published["bases"] else None


def read_publishing(place: Path) -> dict[str, Any] | None:
    """What `push` says in `place` of the version that it is putting there; None if it is putting none."""
    try:
        return json.loads((place / PUBLISHING).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None

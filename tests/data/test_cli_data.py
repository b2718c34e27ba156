"""`dimerec data`: what it prints."""

import json
import random
import re

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dimerec_tf.cli.data import app
from dimerec_tf.cli.titles import read_titles
from dimerec_tf.config_data import DataConfig
from dimerec_tf.data import csv_lines, public
from dimerec_tf.data.log_check import check_log
from dimerec_tf.data.protocols import SPLIT_NAMES
from dimerec_tf.data.rejects import TooManyBadRows
from dimerec_tf.data.splits import load_splits
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.errors import DimeRecError

LOG = (
    "user_id,item_id,timestamp\n"
    + "".join(f"long,{item},{1767225600 + 86400 * day}\n" for day, item in enumerate("abcdefg"))
    + "NULL,a,1767225600\nNULL,b,1767225601\nNULL,c,1767225602\nshort,NaN,1767225600\nshort,a,1767225605\n"
    + "short,a,1767225605\n,a,1767225604\nlong,1.0,soon\n"
)


@pytest.fixture
def config(tmp_path):
    folder, config = tmp_path / "log", tmp_path / "config.yaml"
    folder.mkdir()
    (folder / "a.csv").write_text(LOG)
    (folder / "notes.md").write_text("about this log")
    (tmp_path / "items.csv").write_text("item_id,category,title\na,x,A\nb,,B\nc,y,\n")

    def write(**settings: object) -> str:
        lines = {"path": folder, "max_bad_fraction": 0.5, "items_path": tmp_path / "items.csv", **settings}
        config.write_text("data:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items()))
        return str(config)

    return write


def check(config: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["check", "--config", config, *options])


def counts(output: str) -> dict[str, str]:
    cells = [[cell.strip() for cell in line.split("│")[1:3]] for line in output.splitlines() if "│" in line]
    return dict(cells)


def test_programs_get_all_that_a_log_holds(config, tmp_path):
    result = check(config(), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "files": [{"name": f"{tmp_path}/log/a.csv", "bytes": len(LOG), "rows": 15}],
        "left_out": [{"name": "notes.md", "bytes": 14}],
        "rows": 15,
        "events": 12,
        "users": 3,
        "items": 8,
        "earliest": "1767225600",
        "latest": str(1767225600 + 6 * 86400),
        "events_a_user": {
            "minimum": 2.0,
            "lower quartile": 2.5,
            "median": 3.0,
            "upper quartile": 5.0,
            "maximum": 7.0,
        },
        "users_too_short_to_be_tested": 1,
        "repeats": 1,
        "repeats_kept": 0,
        "items_without_category": 6,
        "items_without_title": 6,
        "doubtful_ids": {
            "item id 'NaN', which looks like a missing value": 1,
            "user id 'NULL', which looks like a missing value": 3,
        },
        "set_aside": {"exact duplicate": 1, "missing user id": 1, "unparsable time": 1},
        "cut_events": 0,
        "cut_users": 0,
    }


def test_people_get_the_same(config):
    result = check(config())
    assert result.exit_code == 0
    found = counts(result.output)
    assert found["rows"] == "15" and found["events"] == "12" and found["events a user: median"] == "3"
    assert found["earliest"] == "2026-01-01 (1767225600)" and found["latest"].startswith("2026-01-07 ")
    assert found["users too short to be tested"] == "1" and found["items without a title"] == "6"
    assert found["set aside: missing user id"] == "1" and found["left out: notes.md"] == "14 bytes"


def test_it_counts_as_the_pipeline_does(tmp_path, monkeypatch):
    """Against what is trained on, with the events in several blocks and pieces on disk."""
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 1000)
    chance = random.Random(3)
    rows = [f"u{chance.randrange(90)},i{chance.randrange(40)},{chance.randrange(50)}" for _ in range(3000)]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n,i,1\n")
    for settings in ({}, {"max_user_events": 9}, {"repeats": "keep"}, {"split": {"kind": "global_time"}}):
        data = DataConfig(path=str(tmp_path / "log.csv"), max_bad_fraction=1, **settings)
        found, splits = check_log(data), load_splits(data)
        assert found.summary == splits.summary
        assert found.examples == {name: len(getattr(splits, name)) for name in SPLIT_NAMES}
        assert sorted(found.catalogue) == sorted(Encoder.from_training(splits.train).ids)
        assert sum(found.file_rows.values()) == 3001


def test_a_log_that_needs_no_item_file_has_no_counts_of_it(config):
    found = json.loads(check(config(items_path='""'), "--json").stdout)
    assert found["items_without_category"] is None and found["items_without_title"] is None


def test_check_counts_what_is_cut_off_of_users_with_too_many_events(config):
    found = counts(check(config(max_user_events=3)).output)
    assert {name: number for name, number in found.items() if "cut" in name} == {
        "cut off: beyond 3 of a user": "4",
        "users cut": "1",
    }


def test_check_fails_on_too_many_bad_rows_after_the_counts(config):
    result = check(config(max_bad_fraction=0.1))
    assert isinstance(result.exception, TooManyBadRows)
    assert counts(result.output)["events"] == "12"


@pytest.mark.parametrize(
    ("file", "content", "settings", "message"),
    [
        ("items.csv", "id,category\na,x\n", {}, "has no column 'item_id'"),
        ("items.csv", None, {}, "The item file .* cannot be read: .*No such file"),
        ("items.csv", "item_id,category\nz,x\n", {}, "has no category for any item"),
        ("log/day4.txt", LOG, {}, r"would not be read: 1 file \(day4\.txt\)"),
        ("log/b.csv", "user_id,item_id,timestamp,item_id\nu,i,1,x\n", {}, r"b\.csv has 2 columns 'item_id'"),
        ("log/b.csv", LOG, {"item_column": "user_id"}, "both name the column 'user_id'"),
        ("log/a.csv", "user_id,item_id,timestamp\nu,a,1\nu,b,2\n", {}, r"gives no eval example \(leave-one-out\)"),
        ("log/a.csv", "user_id,item_id,timestamp\n", {}, "has no valid event"),
    ],
)
def test_what_the_pipeline_refuses_is_refused_in_its_words(config, tmp_path, file, content, settings, message):
    (tmp_path / file).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / file).write_text(content)
    result = check(config(**settings))
    assert isinstance(result.exception, DimeRecError) and re.search(message, str(result.exception))


def test_a_path_with_brackets_is_shown_as_it_is(config, tmp_path):
    (tmp_path / "log").rename(tmp_path / "old [red]")
    result = check(config(path=f'"{tmp_path}/old [red]"'))
    assert result.exit_code == 0 and "old [red]" in " ".join(result.output.split())


def test_fetch_prints_files_counts_and_licence(monkeypatch, tmp_path):
    monkeypatch.setattr(public, "fetch", lambda name, cache: tmp_path / name)
    result = CliRunner().invoke(app, ["fetch", "ml-100k"])
    assert f"{tmp_path}/ml-100k/interactions.csv: 100,000 rows" in result.output
    assert f"{tmp_path}/ml-100k/items.csv: 1,682 rows" in result.output
    assert "no redistribution" in result.output and "Harper" in result.output


def test_titles_carry_their_year(tmp_path):
    items = tmp_path / "items.csv"
    items.write_text('item_id,title,year,category\n1,"Net, The",1995,Drama\n2,unknown,,unknown\n')
    assert read_titles(items) == {"1": "Net, The (1995)", "2": "unknown"}

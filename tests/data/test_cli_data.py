"""`dimerec data`: what it prints."""

import json

import pytest
from typer.testing import CliRunner

from dimerec_tf.cli.data import app
from dimerec_tf.cli.titles import read_titles
from dimerec_tf.data import public
from dimerec_tf.data.rejects import TooManyBadRows


@pytest.fixture
def config(tmp_path):
    log, config = tmp_path / "log.csv", tmp_path / "config.yaml"
    log.write_text("user_id,item_id,timestamp\nu1,a,1\nu1,b,2\nu2,a,3\nu2,a,3\n,a,4\n")

    def write(max_bad_fraction: float) -> str:
        config.write_text(f"data:\n  path: {log}\n  max_bad_fraction: {max_bad_fraction}\n")
        return str(config)

    return write


def counts(output: str) -> dict[str, str]:
    cells = [[cell.strip() for cell in line.split("│")[1:3]] for line in output.splitlines() if "│" in line]
    return dict(cells)


def test_check_counts_events_users_items_and_bad_rows(config):
    result = CliRunner().invoke(app, ["check", "--config", config(0.5)])
    assert result.exit_code == 0
    assert counts(result.output) == {
        "events": "3",
        "users": "2",
        "items": "2",
        "set aside: exact duplicate": "1",
        "set aside: missing user id": "1",
    }


def test_check_counts_what_is_cut_off_of_users_with_too_many_events(config, tmp_path):
    config(0.5)
    with (tmp_path / "config.yaml").open("a") as stream:
        stream.write("  max_user_events: 1\n")
    result = CliRunner().invoke(app, ["check", "--config", str(tmp_path / "config.yaml")])
    cut = {name: number for name, number in counts(result.output).items() if "cut" in name}
    assert cut == {"cut off: beyond 1 of a user": "2", "users cut": "2"}


def test_programs_get_the_same_counts(config):
    result = CliRunner().invoke(app, ["check", "--config", config(0.5), "--json"])
    assert json.loads(result.stdout) == {
        "events": 3,
        "users": 2,
        "items": 2,
        "set_aside": {"exact duplicate": 1, "missing user id": 1},
        "cut_events": 0,
        "cut_users": 0,
    }


def test_check_fails_on_too_many_bad_rows_after_the_counts(config):
    result = CliRunner().invoke(app, ["check", "--config", config(0.1)])
    assert isinstance(result.exception, TooManyBadRows)
    assert counts(result.output)["events"] == "3"


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

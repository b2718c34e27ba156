"""Ids, titles and paths that are commands to a terminal, or Rich's markup, in what commands print."""

import json
from pathlib import Path

import pytest

from dimerec_tf.cli import recommend
from dimerec_tf.cli.main import app
from dimerec_tf.cli.output import metric_table
from dimerec_tf.edge import catching_errors
from dimerec_tf.terminal import console
from dimerec_tf.visible_text import visible
from serving.client.recommendation import Recommendation

ID, TITLE = "\x1b]0;owned\x07[red]", "\x1b[2J\x9b31mFilm [/] :smile: \u202e"
ANSWER = Recommendation(item_ids=[ID], scores=[0.5], cold_start=False)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_recommended_titles_and_ids_move_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    recommend._print_table(ANSWER, {ID: TITLE})
    said = capsys.readouterr().out
    assert visible(said) == said
    assert r"\x1b]0;owned\x07[red]" in said and r"\x1b[2J\x9b31mFilm [/] :smile: \u202e" in said


def test_programs_get_them_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    recommend._print_json(ANSWER, {ID: TITLE})
    said = capsys.readouterr().out
    assert visible(said) == said
    item = json.loads(said)["items"][0]
    assert (item["item_id"], item["title"]) == (ID, TITLE)


def test_the_name_of_a_model_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console.print(metric_table("of [bold]it[/x]", {"[link=x]m[/y]": {"HR@10": 0.5}}))
    said = capsys.readouterr().out
    assert "[link=x]m[/y]" in said and "of [bold]it[/x]" in said


@pytest.mark.parametrize("folder", ["old [red]", "x[", "[/]", "sales[12]", "\x1b[2J"])
def test_a_path_is_shown_as_it_is(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / folder / "a].csv"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("user_id,item_id,timestamp\n" + "".join(f"u{n % 3},i{n},{n}\n" for n in range(9)))
    config = tmp_path / folder / "config.yaml"
    config.write_text(json.dumps({"data": {"path": str(log)}}))
    with pytest.raises(SystemExit) as end, catching_errors():
        app(["data", "check", "--config", str(config)])
    said = capsys.readouterr().out
    assert end.value.code == 0
    unwrapped = "".join(said.split())
    assert "".join(visible(f"{folder}/a].csv").split()) in unwrapped and "\x1b" not in said

    log.unlink()
    with pytest.raises(SystemExit) as end, catching_errors():
        app(["data", "check", "--config", str(config)])
    assert end.value.code == 1
    assert visible(str(log)) in capsys.readouterr().err

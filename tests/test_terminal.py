"""Nothing that comes from outside moves a terminal or is lost as markup, and nothing prints past the one place."""

import ast
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from dimerec_tf.terminal import Terminal, console, print_json, progress_bar, say, say_aside, say_plainly, working
from dimerec_tf.visible_text import json_visible, visible

ROOT = Path(__file__).parents[1]
PACKAGES = ("dimerec_tf", "tfx_pipeline", "serving")
HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b2J[red]x[/y] :smile: \u202etxt\u2066\ud800\r"
SHOWN = r"\x1b]0;title\x07\x1b[2J\x9b2J[red]x[/y] :smile: \u202etxt\u2066\ud800\r"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, SHOWN),
        ("a\tb\nc", "a\tb\nc"),
        ("Amélie 天気 👩‍🚀 \\x1b", "Amélie 天気 👩‍🚀 \\x1b"),
        ("\x00\x7f\x85\u2028\u2029", r"\x00\x7f\x85\u2028\u2029"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_json_means_what_it_meant() -> None:
    text = json_visible(json.dumps([HOSTILE, "é"], ensure_ascii=False))
    assert json.loads(text) == [HOSTILE, "é"]
    assert "é" in text and visible(text) == text


def test_text_in_tables_lines_and_styles_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE.removesuffix("\r")))
    console.print(table)
    say(HOSTILE)
    say_plainly(HOSTILE)
    said = capsys.readouterr().out
    assert visible(said) == said
    assert said.count(SHOWN) == 5
    borders = [line for line in said.splitlines() if line.endswith("│")]
    assert len({len(line) for line in borders}) == 1  # their widths were measured as they are shown


def test_what_takes_its_time_is_named_as_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with working(f"Reading {HOSTILE}") as status:
        status.update(f"Measuring {HOSTILE}")
    with progress_bar():
        say_aside(HOSTILE)
    assert SHOWN in screen.getvalue()
    assert "\x1b]0;" not in screen.getvalue() and "\x1b[2J" not in screen.getvalue()


class _Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_console_of_ascii_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace"))
    print_json({"title": "Amélie"})
    console.print(Table("Amélie"))
    sys.stdout.flush()
    said = raw.getvalue().decode("ascii")
    assert json.loads(said[: said.index("}") + 1]) == {"title": "Amélie"}
    assert r"Am\xe9lie" in said and "\\u2501" not in said


def test_a_style_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    Terminal().print(Text("error", "bold red"))
    assert "\x1b[" in screen.getvalue() and "error" in screen.getvalue()


ALLOWED = {"dimerec_tf/terminal.py"}
RICH_S_OWN = {"rich", "rich.console", "rich.status", "rich.markup"}
PRINTS = re.compile(
    r"(^|\.)(print|echo|secho|Console|Status|from_markup|from_ansi|print_exc|print_exception|print_stack)$"
    r"|std(out|err)(__)?(\.buffer)?\.write"
)
OURS = {"console.print", "stderr.print"}  # another console of this name cannot be made


def test_one_place_prints() -> None:
    """Of whatever is called: another console, another print, or a stream written to."""
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if name not in ALLOWED and not name.endswith("_pb2.py"):
                found += [f"{name}:{line}" for line in printing_lines(file.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "print(title)",
        "typer.echo(title)",
        "Console().print(title)",
        "rich.print(title)",
        "sys.stdout.write(title)",
        "print(title, file=sys.stderr)",
        "Text.from_markup(title)",
        "console.print(title, markup=True)",
        "from rich.console import Console as Other",
        "traceback.print_exc()",
    ],
)
def test_a_print_elsewhere_is_found(line: str) -> None:
    assert set(printing_lines(line)) == {1}


def printing_lines(source: str) -> Iterator[int]:
    """Lines of a module that print by other means than `dimerec_tf.terminal`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in RICH_S_OWN:
            yield node.lineno
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if any(keyword.arg == "markup" for keyword in node.keywords) or (PRINTS.search(name) and name not in OURS):
                yield node.lineno

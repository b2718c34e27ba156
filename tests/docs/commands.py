"""The commands that stand in the documentation."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAMS = {
    "call",  # a function that the page on deploying defines
    "curl",
    "dimerec",
    "docker",
    "kubectl",
    "make",
    "python",
    "tensorboard",
    "tensorflow_model_server",
}


class Command(NamedTuple):
    """Words of a shell command, and the page that has it. `whole` is False for one that a sentence only names."""

    page: str
    words: tuple[str, ...]
    whole: bool


def documented_commands() -> list[Command]:
    """All of them: the lines of `bash` blocks, and those that start with a known program elsewhere."""
    return [command for page in PAGES for command in _commands_of(page)]


def blocks_of(page: Path, language: str) -> list[str]:
    """The contents of a page's fenced blocks in a language."""
    return [token.content for token in _tokens(page) if token.type == "fence" and token.info == language]


def words_of(line: str) -> tuple[str, ...]:
    """A line's words without the path of its program and without a comment; none if it is not shell."""
    try:
        words = shlex.split(line.strip(), comments=True)
    except ValueError:  # prose with an apostrophe
        return ()
    return (Path(words[0]).name, *words[1:]) if words else ()


def _commands_of(page: Path) -> Iterator[Command]:
    name = str(page.relative_to(ROOT))
    for token in _tokens(page):
        if token.type in ("fence", "code_block"):
            for line in re.sub(r"\\\n\s*", "", token.content).splitlines():
                words = words_of(line)
                if words and (token.info == "bash" or words[0] in PROGRAMS):
                    yield Command(name, words, whole=True)
        for child in token.children or []:
            words = words_of(child.content) if child.type == "code_inline" else ()
            if len(words) > 1 and words[0] in PROGRAMS:
                yield Command(name, words, whole=False)


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))

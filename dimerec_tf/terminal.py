"""What people and programs are told: the one place that prints.

No text is markup here, and none is a command to the terminal: ids, titles, paths and what others said are shown as
they are, see `visible`. Style goes into a `rich.text.Text`.
"""

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from dimerec_tf.visible_text import json_visible, visible


class Terminal(Console):
    """A console for text from outside, on standard output or standard error."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """Makes it visible before its width is measured."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Makes visible what did not come as a `str`, too."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


console = Terminal()
stderr = Terminal(stderr=True)


def say(text: str | Text) -> None:
    """Prints a line of any length, which the terminal wraps and a file does not."""
    console.print(text, soft_wrap=True)


def say_aside(text: str | Text) -> None:
    """The same on standard error."""
    stderr.print(text, soft_wrap=True)


def say_plainly(line: str) -> None:
    """Prints a line whose tabs programs count on."""
    print(visible(line))


def print_json(value: Any) -> None:
    """Prints a value for programs, in ASCII where the output has no other characters."""
    ascii_only = not console.encoding.startswith("utf")
    print(json_visible(json.dumps(value, ensure_ascii=ascii_only, indent=2)))


def working(what: str) -> Status:
    """Shows beside what programs read that something takes its time; its `update` says with what."""
    return _Working(Text(visible(what)), console=stderr)


class _Working(Status):
    def update(self, status: RenderableType | None = None, **how: Any) -> None:
        super().update(Text(visible(status)) if isinstance(status, str) else status, **how)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar on standard error."""
    return Progress(*columns, console=stderr)

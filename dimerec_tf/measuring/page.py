"""A page of measurements for people: a section with a text, a table and perhaps a plot for each kind of row."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import STYLE
from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.tables import markdown_table
from dimerec_tf.whole_files import whole_file, write_text


class Section(NamedTuple):
    """What stands above a table, and what draws it from all rows."""

    title: str
    text: str
    draw: Callable[[Rows], Figure] | None = None


def write_page(page: Path, folder: str, introduction: str, sections: Mapping[str, Section], rows: Rows) -> None:
    """Writes the page and its plots.

    Args:
        page: Markdown file; plots go to `images` and this folder beside it.
        folder: of the plots.
        introduction: the title and what stands below it.
        sections: by the key of their rows; one without rows is left out.
        rows: by key.
    """
    images = page.parent / "images" / folder
    images.mkdir(parents=True, exist_ok=True)
    parts = [introduction]
    for key, section in sections.items():
        if not rows.get(key):
            continue
        parts += [f"## {section.title}", section.text, markdown_table(rows[key])]
        if section.draw:
            with matplotlib.rc_context(STYLE), whole_file(images / f"{key}.png") as picture:
                section.draw(rows).savefig(picture)
            parts.append(f"![{section.title}](images/{folder}/{key}.png)")
    write_text(page, "\n\n".join(parts) + "\n")

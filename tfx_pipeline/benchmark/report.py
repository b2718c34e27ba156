"""Writes what was measured: rows for programs, a page with a plot for people."""

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import BLUE, ORANGE, panels
from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.page import Section, write_page
from dimerec_tf.whole_files import write_text

INTRODUCTION = """# Pipeline: time and memory

Not edited by hand: `make bench-pipeline` measures and writes this page and `benchmarks/pipeline.json`: the steps that
read a log, each in a process of its own, with Beam's DirectRunner on one machine. One worker is the default
(`in_memory`), more are processes (`multi_processing`), see `beam` in the [configuration](configuration.md)."""

STEPS_TEXT = """Logs are made up, as no public one at hand has ten million events: 167 events a user on average, which
is MovieLens-1M's, of 3,700 items whose popularity falls with their number. `peak_mb` is the memory of the step's
process, to which that of the largest worker counts as often as there are workers: no less than all took together."""

COLOURS = (BLUE, ORANGE)


def write_report(measured: Rows, results: Path, page: Path) -> None:
    """Writes the rows and the page.

    Args:
        measured: rows under `pipeline`.
        results: JSON file.
        page: Markdown file; the plot goes to `images/pipeline` beside it.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    write_text(results, json.dumps(measured["pipeline"], indent=2) + "\n")
    write_page(page, "pipeline", INTRODUCTION, {"pipeline": Section("Steps", STEPS_TEXT, _draw)}, measured)


def _draw(measured: Rows) -> Figure:
    """Minutes and gigabytes of each step, a column for each size of the log and a bar for each number of workers."""
    table = pd.DataFrame(measured["pipeline"])
    sizes = sorted(table["events"].unique())
    figure, axes = panels(2, len(sizes), 3.2)
    for column, size in enumerate(sizes):
        for row, (name, unit, label) in enumerate((("seconds", 60, "minutes"), ("peak_mb", 1024, "peak GB"))):
            axis = axes[row, column]
            bars = table[table["events"] == size].pivot_table(name, "component", "workers", sort=False) / unit
            bars.plot.barh(ax=axis, color=COLOURS, legend=False)
            axis.invert_yaxis()
            axis.set(xlabel=label, ylabel="", title=f"{size:,} events" if row == 0 else "")
            if column:
                axis.set_yticklabels([])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), title="workers", loc="outside upper right", ncols=2)
    return figure

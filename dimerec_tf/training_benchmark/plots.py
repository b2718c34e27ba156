"""The page's plots, drawn from its rows."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from dimerec_tf.figures.drawing import BLUE, ORANGE, panels, plain_log_axis
from dimerec_tf.measuring.alone import Rows


def draw_systems(measured: Rows) -> Figure:
    """Targets per second of each system, a panel for each length of windows."""
    table = pd.DataFrame(measured["systems"])
    lengths = table["events"].unique()
    figure, axes = panels(1, len(lengths), 1.5, share_x=True, share_y="all")
    for place, events in enumerate(lengths):
        rows = table[table["events"] == events]
        colours = [ORANGE if system == "dimerec" else BLUE for system in rows["system"]]
        axes[0, place].barh(rows["system"], rows["targets_per_second"], color=colours)
        axes[0, place].set(title=f"windows of {events} events", xlabel="targets/s", xscale="log")
    axes[0, 0].invert_yaxis()
    return figure


def draw_catalogues(measured: Rows) -> Figure:
    """Milliseconds of a step and megabytes by the number of items."""
    table = pd.DataFrame(measured["catalogues"])
    figure, axes = panels(1, 2, 1.9)
    for place, (column, label) in enumerate((("step_ms", "ms a step"), ("peak_mb", "peak MB"))):
        axis = axes[0, place]
        for lazy, rows in table.groupby("lazy_items"):
            colour, name = (ORANGE, "lazy items") if lazy else (BLUE, "all items")
            axis.plot(rows["catalogue"], rows[column], marker="o", color=colour, label=name)
        axis.set(xlabel="items", ylabel=label, yscale="log", xscale="log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_minor_locator(NullLocator())
    axes[0, 1].legend(loc="upper left")
    return figure


def draw_prefixes(measured: Rows) -> Figure:
    """Milliseconds by the length of histories."""
    table = pd.DataFrame(measured["prefixes"])
    figure, axes = panels(1, 1, 1.9)
    for column, label, colour in (
        ("each_prefix_ms", "prefix by prefix", BLUE),
        ("blocks_ms", "in blocks", ORANGE),
    ):
        axes[0, 0].plot(table["history"], table[column], marker="o", color=colour, label=label)
    axes[0, 0].set(xlabel="events in a history, 6,400 in all", ylabel="median ms", yscale="log", ylim=(1, None))
    plain_log_axis(axes[0, 0], table["history"].tolist())
    axes[0, 0].legend()
    return figure

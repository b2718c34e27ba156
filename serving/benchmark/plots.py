"""The page's plots, drawn from its rows."""

import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import BLUE, GREEN, ORANGE, panels, plain_log_axis
from dimerec_tf.measuring.alone import Rows
from serving.benchmark.exports import DIM

COLOURS = {"exact": BLUE, "ivf": ORANGE, "scann": GREEN}
PHASES = {"echo_ms": "gRPC", "proto_ms": "proto", "gem_ms": "GEM", "walk_ms": "walk", "search_ms": "search"}


def draw_search(measured: Rows) -> Figure:
    """Milliseconds by catalogue, a panel for each batch size."""
    table = pd.DataFrame(measured["search"])
    batches = sorted(table["batch"].unique())
    figure, axes = panels(1, len(batches), 1.9, share_y="all")
    for place, batch in enumerate(batches):
        axis = axes[0, place]
        for index, rows in table[table["batch"] == batch].groupby("index"):
            axis.plot(rows["catalogue"], rows["p50_ms"], marker="o", color=COLOURS[str(index)], label=index)
        axis.set(title=f"batch {batch}", xlabel="items", yscale="log")
        plain_log_axis(axis, sorted(table["catalogue"].unique()))
    axes[0, 0].set_ylabel("median ms")
    axes[0, 0].legend()
    return figure


def draw_load(measured: Rows) -> Figure:
    """Requests per second and p99 by concurrency, one reverse step, batched; a column for each catalogue."""
    table = pd.DataFrame(measured["load"])
    table = table[(table["num_steps"] == 1) & (table["dim"] == DIM) & table["batching"]]
    catalogues = sorted(table["catalogue"].unique())
    figure, axes = panels(2, len(catalogues), 3.0, share_x=True)
    for column, catalogue in enumerate(catalogues):
        for index, rows in table[table["catalogue"] == catalogue].groupby("index"):
            for row, name in enumerate(("qps", "p99_ms")):
                axes[row, column].plot(
                    rows["concurrency"], rows[name], marker="o", color=COLOURS[str(index)], label=index
                )
        axes[0, column].set_title(f"{catalogue:,} items", loc="right")  # wider than a panel
        axes[1, column].set(xlabel="callers", yscale="log")
        plain_log_axis(axes[1, column], sorted(table["concurrency"].unique()))
    axes[0, 0].set_ylabel("requests/s")
    axes[1, 0].set_ylabel("p99 ms")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(COLOURS))
    return figure


def draw_phases(measured: Rows) -> Figure:
    """A bar for each part of a call."""
    row = measured["phases"][0]
    parts = {label: row[name] for name, label in PHASES.items()}
    parts["rest of the graph"] = max(0.0, row["graph_ms"] - row["gem_ms"] - row["walk_ms"] - row["search_ms"])
    figure, axes = panels(1, 1, 1.6)
    axes[0, 0].barh(list(parts), list(parts.values()), color=BLUE)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlabel("median ms")
    return figure

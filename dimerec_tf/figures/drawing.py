"""How every figure looks and is written: as wide as a paper's column, on white, in colours that all eyes tell apart."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dimerec_tf.whole_files import whole_file

COLUMN_INCHES = 3.4
# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000"
GREY = "#777777"
STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.dpi": 300,
}


def panels(
    rows: int, columns: int, height: float, share_x: bool = False, share_y: Literal["none", "all", "col"] = "none"
) -> tuple[Figure, NDArray[np.object_]]:
    """An empty figure as wide as a column and `height` inches high, and its axes, `[rows, columns]`."""
    figure = Figure(figsize=(COLUMN_INCHES, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y)


def with_symbols(name: str) -> str:
    """Sets the losses in a name, such as L_gem, as symbols."""
    return re.sub(r"L_(\w+)", r"$L_\\mathrm{\1}$", name)


def plain_log_axis(axes: Axes, values: list[float]) -> None:
    """A logarithmic x axis that names just these values."""
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)


def write(name: str, table: pd.DataFrame, draw: Callable[[pd.DataFrame], Figure], output: Path) -> None:
    """Draws a table as `name.png` and writes its numbers beside it as `name.csv`."""
    output.mkdir(parents=True, exist_ok=True)
    with whole_file(output / f"{name}.csv") as numbers:
        table.to_csv(numbers, index=False)
    with matplotlib.rc_context(STYLE), whole_file(output / f"{name}.png") as picture:
        draw(table).savefig(picture)

"""Trials of a search: validation accuracy over the trials, and over each key's values."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dimerec_tf.config_tuning import OBJECTIVE, Dimension, RangeConfig
from dimerec_tf.figures.drawing import BLUE, ORANGE, panels, plain_log_axis

PANEL_INCHES = 1.5


def draw(table: pd.DataFrame, space: Mapping[str, Dimension]) -> Figure:
    """A panel for the course of the search and one for each key of the space; the best trial is orange.

    Args:
        table: see `trial_table`; failed trials are left out.
        space: what was tried.
    """
    finished = table[table[OBJECTIVE].notna()]
    best = finished[OBJECTIVE].idxmax()
    figure, axes = panels(1 + len(space), 1, height=PANEL_INCHES * (1 + len(space)))
    for panel, key in zip(axes[:, 0], ["trial", *space], strict=True):
        places = _places(panel, finished[key], space.get(key))
        panel.plot(places, finished[OBJECTIVE], "o", color=BLUE)
        panel.plot(places[best], finished[OBJECTIVE][best], "o", color=ORANGE)
        panel.set_xlabel(key)
        panel.set_ylabel(f"{OBJECTIVE} (%)")
    so_far = np.maximum.accumulate(finished[OBJECTIVE])
    axes[0, 0].step(finished["trial"], so_far, where="post", color=ORANGE, label="best so far")
    axes[0, 0].legend()
    return figure


def _places(panel: Axes, values: "pd.Series[float]", dimension: Dimension | None) -> "pd.Series[float]":
    """Where values stand on the x axis: those of a list side by side, in its order."""
    if isinstance(dimension, tuple):
        panel.set_xticks(range(len(dimension)), [str(value) for value in dimension])
        panel.set_xlim(-0.5, len(dimension) - 0.5)
        return values.map(dimension.index)
    if isinstance(dimension, RangeConfig) and dimension.scale == "log":
        ticks = np.geomspace(dimension.low, dimension.high, 5)
        plain_log_axis(panel, [float(f"{tick:.2g}") for tick in ticks])
    else:
        panel.locator_params(axis="x", nbins=6, integer=dimension is None or dimension.whole)
    return values

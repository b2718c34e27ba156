"""Trials of a search: validation accuracy over each key's values, and over the trials."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.config_tuning import OBJECTIVE
from dimerec_tf.figures.drawing import BLUE, ORANGE, panels

PANEL_INCHES = 1.5


def draw(table: pd.DataFrame) -> Figure:
    """A panel for the course of the search and one for each key, see `trial_table`; the best trial is orange."""
    keys = [column for column in table if column not in ("trial", OBJECTIVE)]
    finished = table[table[OBJECTIVE].notna()]
    best = finished[OBJECTIVE].idxmax()
    figure, axes = panels(1 + len(keys), 1, height=PANEL_INCHES * (1 + len(keys)))
    for panel, key in zip(axes[:, 0], ["trial", *keys], strict=True):
        numeric = _is_numeric(finished[key])
        values = finished[key] if numeric else finished[key].astype(str)
        panel.plot(values, finished[OBJECTIVE], "o", color=BLUE)
        panel.plot([values[best]], [finished[OBJECTIVE][best]], "o", color=ORANGE)
        if numeric:
            panel.locator_params(axis="x", nbins=6, integer=pd.api.types.is_integer_dtype(finished[key]))
        panel.set_xlabel(key)
        panel.set_ylabel(f"{OBJECTIVE} (%)")
    axes[0, 0].step(finished["trial"], np.maximum.accumulate(finished[OBJECTIVE]), where="post", color=ORANGE)
    return figure


def _is_numeric(values: "pd.Series[float]") -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) and not pd.api.types.is_bool_dtype(values)

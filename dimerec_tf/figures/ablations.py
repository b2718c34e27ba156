"""Ablations: DimeRec without each loss, each module and the walk."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import BLUE, SKY, panels, with_symbols
from dimerec_tf.figures.study import ABLATIONS, FULL, Study, percent

METRICS = ("HR@50", "NDCG@50")


def data(study: Study) -> pd.DataFrame:
    """Accuracy on the test split of every entry of `ABLATIONS` (paper's ablation study).

    Returns:
        Columns `variant`, `HR@50`, `NDCG@50`, in percent.
    """
    rows = []
    for variant, changes in ABLATIONS.items():
        metrics = study.run(variant, changes).metrics
        rows.append({"variant": variant, **{name: percent(metrics[name]) for name in METRICS}})
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Horizontal bars, the full model first."""
    figure, (axes,) = panels(1, len(METRICS), height=2.1, share_y="all")
    places = np.arange(len(table))
    for metric, panel in zip(METRICS, axes, strict=True):
        colours = [BLUE if variant == FULL else SKY for variant in table["variant"]]
        bars = panel.barh(places, table[metric], color=colours, height=0.7)
        panel.bar_label(bars, fmt="%.1f", padding=2, fontsize=6)
        panel.set_xlabel(f"{metric} (%)")
        panel.margins(x=0.18)
        panel.grid(axis="y", visible=False)
    axes[0].set_yticks(places, table["variant"].map(with_symbols))
    axes[0].invert_yaxis()
    return figure

"""Ablations: DimeRec without each loss, each module and the walk."""

from typing import cast

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import BLUE, SKY, panels, with_symbols
from dimerec_tf.figures.study import ABLATIONS, FULL, TOP_K, WITHOUT_DAM, Study, percent
from dimerec_tf.metrics.ranking import summarise
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer

METRICS = ("HR@50", "NDCG@50")


class BestInterest:
    """DimeRec without DAM: the interests are the queries, and an item's best one counts. See `QueryModel`."""

    def __init__(self, model: DimeRec) -> None:
        self.model = model

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """`[batch, length]` rows to `[batch, interests, dim]`."""
        return self.model.interest_queries(history)

    def item_vectors(self) -> tf.Tensor:
        """`[num_items, dim]`."""
        return self.model.item_vectors()


def data(study: Study) -> pd.DataFrame:
    """Accuracy on the test split of every entry of `ABLATIONS` (paper's ablation study).

    Returns:
        Columns `variant`, `HR@50`, `NDCG@50`, in percent.
    """
    rows = []
    for variant, changes in ABLATIONS.items():
        trained = study.trained(variant, changes)
        metrics = trained.run.metrics
        if variant == WITHOUT_DAM:
            scorer = ModelScorer(BestInterest(cast(DimeRec, trained.model)))
            metrics = summarise(study.ranks(study.search(ExactRetriever(scorer))), TOP_K)
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

"""Figure 3: how much of an item's category a linear model reads off the frozen item table."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dimerec_tf.config import Config, parse_config
from dimerec_tf.data.items import read_categories
from dimerec_tf.figures.drawing import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, panels, with_symbols
from dimerec_tf.figures.study import ABLATIONS, FULL, FigureRefused, Study, percent

FOLDS, INNER_FOLDS = 5, 3
STRENGTHS = (1e-3, 1e-2, 1e-1)  # scikit-learn's C: the smaller, the more regularised
BASELINES = {"DiffuRec": "diffurec", "DreamRec": "dreamrec"}
BASELINES_LEARNING_RATE = 1e-3
MAJORITY = "majority class"
LINES = {"DiffuRec": (ORANGE, "--"), "DreamRec": (GREEN, "-."), MAJORITY: (GREY, ":")}


def data(study: Study) -> pd.DataFrame:
    """Held-out accuracy of logistic regression from item vectors to categories (paper's Figure 3).

    DiffuRec and DreamRec have the same dimension, history and epochs.

    Returns:
        Columns `model`, `accuracy` (in percent, mean over folds) and `deviation` (over folds): the full model, the
        ablations, DiffuRec, DreamRec and the majority class.

    Raises:
        FigureRefused: the data set has no categories.
    """
    if not study.config.data.items_path:
        raise FigureRefused(
            "Probing needs categories: set data.items_path to a file with the columns item_id, category."
        )
    first = {item: names[0] for item, names in read_categories(study.config.data).items() if names}
    tables = {name: study.trained(name, changes).model for name, changes in ABLATIONS.items()}
    for name, kind in BASELINES.items():
        tables[name] = study.kept.trained(name, _baseline(study.config, kind)).model
    ids = study.kept.benchmark.encoder.ids
    known = [row for row, item in enumerate(ids) if item in first]
    labels = np.array([first[ids[row]] for row in known])
    vectors = {name: model.item_vectors().numpy()[known] for name, model in tables.items()}
    rows = [{"model": name, **probe(table, labels, study.config.seed)} for name, table in vectors.items()]
    return pd.DataFrame([*rows, {"model": MAJORITY, **majority(labels, study.config.seed)}])


def probe(vectors: NDArray[np.float32], labels: NDArray[np.str_], seed: int) -> dict[str, float]:
    """Accuracy of logistic regression on items that it was not fitted to; every item is held out once.

    How strongly it is regularised is chosen by another cross-validation within the items that it is fitted to.

    Args:
        vectors: `[items, dim]`; standardised first.
        labels: `[items]`.
        seed: of the folds.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = KFold(INNER_FOLDS, shuffle=True, random_state=seed)
    chosen = GridSearchCV(probe, {"logisticregression__C": STRENGTHS}, cv=folds)
    return _cross_validate(chosen, vectors, labels, seed)


def majority(labels: NDArray[np.str_], seed: int) -> dict[str, float]:
    """The floor: the most frequent category of the same folds, `[items]` labels."""
    return _cross_validate(DummyClassifier(), np.zeros([len(labels), 1], np.float32), labels, seed)


def draw(table: pd.DataFrame) -> Figure:
    """Bars for DimeRec and its ablations, lines for the others."""
    figure, ((axes,),) = panels(1, 1, height=2.4)
    is_line = table["model"].isin(list(LINES))
    bars, lines = table[~is_line], table[is_line]
    places = np.arange(len(bars))
    axes.barh(
        places,
        bars["accuracy"],
        xerr=bars["deviation"],
        color=[BLUE if name == FULL else SKY for name in bars["model"]],
        error_kw={"ecolor": BLACK, "elinewidth": 0.8, "capsize": 2},
        height=0.7,
    )
    for name, accuracy in zip(lines["model"], lines["accuracy"], strict=True):
        colour, style = LINES[name]
        axes.axvline(accuracy, color=colour, linestyle=style, label=name)
    axes.set_yticks(places, bars["model"].map(with_symbols))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("accuracy on held-out items (%)")
    figure.legend(loc="outside upper center", ncols=len(LINES))
    return figure


def _cross_validate(
    classifier: object, vectors: NDArray[np.float32], labels: NDArray[np.str_], seed: int
) -> dict[str, float]:
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    accuracies = cross_val_score(classifier, vectors, labels, cv=folds, scoring="accuracy")
    return {"accuracy": percent(accuracies.mean()), "deviation": percent(accuracies.std(ddof=1))}


def _baseline(config: Config, kind: str) -> Config:
    model = {"kind": kind, "dim": config.model.dim, "max_history": config.model.max_history}
    training = {**config.training.model_dump(), "learning_rate": BASELINES_LEARNING_RATE}
    return parse_config({**config.model_dump(), "model": model, "training": training})

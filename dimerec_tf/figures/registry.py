"""Figures by their names: from a study to a table, and from the table to a drawing."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.figures import ablations, fig2, losses, probing, sensitivity, trajectory
from dimerec_tf.figures.names import FigureName
from dimerec_tf.figures.study import Study


@dataclass(frozen=True)
class FigureKind:
    """`data` gives the numbers, of which `draw` shows every one and nothing else."""

    data: Callable[[Study], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]


FIGURES = {
    FigureName.FIG2: FigureKind(lambda _: fig2.data(), fig2.draw),
    FigureName.TRAJECTORY: FigureKind(trajectory.data, trajectory.draw),
    FigureName.LOSSES: FigureKind(losses.data, losses.draw),
    FigureName.ABLATIONS: FigureKind(ablations.data, ablations.draw),
    FigureName.PROBING: FigureKind(probing.data, probing.draw),
    FigureName.SENSITIVITY: FigureKind(sensitivity.data, sensitivity.draw),
}

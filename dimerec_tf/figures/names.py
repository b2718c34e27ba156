"""What the figures are called: on the command line, and as files."""

from enum import Enum


class FigureName(str, Enum):
    """In the order in which they are drawn: what needs few trainings comes first."""

    FIG2 = "fig2"
    TRAJECTORY = "trajectory"
    LOSSES = "losses"
    ABLATIONS = "ablations"
    PROBING = "probing"
    SENSITIVITY = "sensitivity"

"""The picture of a search's trials."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from dimerec_tf.config import parse_config
from dimerec_tf.figures.drawing import BLUE, ORANGE
from dimerec_tf.figures.trials import draw

SPACE = {
    "training.learning_rate": {"low": 1e-3, "high": 0.1, "scale": "log"},
    "model.dim": [32, 128, 64],
    "model.num_interests": {"low": 1, "high": 4},
}


def test_every_finished_trial_is_a_point_of_each_panel_and_the_best_is_orange() -> None:
    tuning = parse_config({"tuning": {"space": SPACE}}).tuning
    assert tuning
    table = pd.DataFrame(
        {
            "trial": [1, 2, 3, 4],
            "training.learning_rate": [0.002, 0.05, 0.01, 0.09],
            "model.dim": [64, 128, 32, 32],
            "model.num_interests": [1, 4, 2, 3],
            "NDCG@10": [3.0, 5.0, 4.0, np.nan],
        }
    )
    panels = draw(table, tuning.space).axes
    assert [panel.get_xlabel() for panel in panels] == ["trial", *SPACE]
    assert [panel.get_xscale() for panel in panels] == ["linear", "log", "linear", "linear"]
    expected = [[1, 2, 3], [0.002, 0.05, 0.01], [2, 1, 0], [1, 4, 2]]
    for panel, places in zip(panels, expected, strict=True):
        points, best = panel.lines[:2]
        assert points.get_xdata() == pytest.approx(places) and points.get_ydata() == pytest.approx([3, 5, 4])
        assert (best.get_xdata(), best.get_ydata()) == (pytest.approx([places[1]]), pytest.approx([5]))
        assert to_hex(points.get_color()) == BLUE.lower() and to_hex(best.get_color()) == ORANGE.lower()
    assert panels[0].lines[2].get_ydata() == pytest.approx([3, 5, 5])
    assert [label.get_text() for label in panels[2].get_xticklabels()] == ["32", "128", "64"]

"""Figure 2: why inner products and distances pull an embedding in different directions, unless it has unit length."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dimerec_tf.figures.drawing import BLACK, BLUE, GREEN, ORANGE, panels

X = (1.0, 2.0)
START, RAISED, LOWERED = "y at the start", "inner product raised", "L2 lowered"
PLACES_OF_Y = {START: (2.0, 1.0), RAISED: (3.0, 3.0), LOWERED: (1.0, 1.0)}
PLANE, SPHERE = "plane", "unit sphere"
LABELS = {START: ((-4, -5), "left"), RAISED: ((-6, 12), "right"), LOWERED: ((-8, -5), "center")}


def data() -> pd.DataFrame:
    """Pairs of vectors with their inner product and their distance (paper's Figure 2).

    On the `plane`, y starts at (2, 1) and moves: a larger inner product with x = (1, 2) takes it farther away, a
    smaller distance lowers the inner product. On the `unit sphere` y turns away from x, and |x - y|^2 = 2 - 2 <x, y>.

    Returns:
        Columns `panel`, `case` and `inner_product`; on the plane also the coordinates `x_1`, `x_2`, `y_1`, `y_2` and
        the distance `l2`, on the sphere its square `l2_squared`.
    """
    rows: list[dict[str, Any]] = []
    for case, y in PLACES_OF_Y.items():
        coordinates = dict(zip(("x_1", "x_2", "y_1", "y_2"), (*X, *y), strict=True))
        distance = np.linalg.norm(np.subtract(X, y))
        rows.append({"panel": PLANE, "case": case, **coordinates, "inner_product": np.dot(X, y), "l2": distance})
    for degrees in range(0, 181, 15):
        x, y = (1.0, 0.0), (np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))
        square = np.square(np.subtract(x, y)).sum()
        rows.append(
            {"panel": SPHERE, "case": f"{degrees} degrees", "inner_product": np.dot(x, y), "l2_squared": square}
        )
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> Figure:
    """The plane with both moves; squared distance against inner product on the sphere."""
    figure, ((left, right),) = panels(1, 2, height=2.1)
    _draw_plane(left, table[table["panel"] == PLANE].to_dict("records"))
    on_sphere = table[table["panel"] == SPHERE]
    right.plot(on_sphere["inner_product"], on_sphere["l2_squared"], "o-", color=BLUE)
    right.set_title("unit sphere: one way")
    right.set_xlabel(r"inner product $\langle x, y\rangle$")
    right.set_ylabel(r"squared distance $|x - y|^2$")
    right.text(-0.2, 3.0, r"$2 - 2\langle x, y\rangle$", color=BLUE)
    return figure


def _draw_plane(axes: Axes, rows: list[dict[Hashable, Any]]) -> None:
    start = rows[0]
    axes.plot(start["x_1"], start["x_2"], "s", color=BLACK)
    axes.annotate("x", (start["x_1"], start["x_2"]), (-9, 2), textcoords="offset points")
    for row, colour in zip(rows, (BLACK, ORANGE, GREEN), strict=True):
        end = (row["y_1"], row["y_2"])
        if row is not start:
            arrow = {"arrowstyle": "->", "color": colour, "shrinkA": 3, "shrinkB": 3, "linewidth": 1.2}
            axes.annotate("", end, (start["y_1"], start["y_2"]), arrowprops=arrow)
        axes.plot(*end, "o", color=colour)
        shift, side = LABELS[row["case"]]
        numbers = rf"$\langle x, y\rangle$ = {row['inner_product']:.0f}", f"L2 = {row['l2']:.2f}"
        text = "\n".join([row["case"], *numbers])
        axes.annotate(text, end, shift, textcoords="offset points", ha=side, va="top", color=colour, fontsize=6)
    axes.set(xlim=(0, 3.5), ylim=(0, 3.5), aspect="equal")
    axes.set_xlabel("first coordinate")
    axes.set_ylabel("second coordinate")
    axes.set_title("plane: two ways")

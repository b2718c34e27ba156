"""Figure 4: the three losses over training, with and without the geodesic walk."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dimerec_tf.figures.drawing import BLUE, ORANGE, panels, with_symbols
from dimerec_tf.figures.study import ABLATIONS, FULL, WITHOUT_WALK, Study

LABELS = {FULL: "geodesic walk", WITHOUT_WALK: "Gaussian, no projection"}
LOSSES = {
    "gem": "L_gem (nats)",
    "recon": r"L_recon ($|x_0 - \hat{x}_0|^2$)",
    "ssm": "L_ssm (nats)",
}


def data(study: Study) -> pd.DataFrame:
    """Each loss's mean over every epoch, unweighted (paper's Figure 4).

    Returns:
        Columns `variant`, `epoch`, `gem`, `recon`, `ssm`; not those of a loss whose weight is configured as 0.
    """
    tables = []
    for variant, label in LABELS.items():
        table = pd.DataFrame(study.trained(variant, ABLATIONS[variant]).losses)
        table.insert(0, "epoch", range(1, len(table) + 1))
        table.insert(0, "variant", label)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each loss, one below the other."""
    shown = {name: label for name, label in LOSSES.items() if name in table}
    figure, axes = panels(len(shown), 1, height=1.4 * len(shown), share_x=True)
    variants = list(table.groupby("variant", sort=False))
    for (name, label), panel in zip(shown.items(), axes[:, 0], strict=True):
        for (variant, line), (colour, style) in zip(variants, ((BLUE, "o-"), (ORANGE, "s--")), strict=True):
            every = max(len(line) // 10, 1)
            panel.plot(line["epoch"], line[name], style, color=colour, label=variant, markevery=every)
        panel.set_ylabel(with_symbols(label))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(variants))
    axes[-1, 0].set_xlabel("epoch")
    axes[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure

"""Sensitivity: accuracy over one setting at a time, the others as configured."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.figures.drawing import BLUE, GREY, ORANGE, panels, plain_log_axis, with_symbols
from dimerec_tf.figures.study import FULL, Study, percent

METRICS = {"HR@50": (BLUE, "o-"), "NDCG@50": (ORANGE, "s-")}
WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0)
# Each factor's key in the configuration of the model, what the paper calls it, and the values tried.
FACTORS: dict[str, tuple[str, tuple[float, ...]]] = {
    "recon_weight": (r"$\lambda$, weight of L_recon", WEIGHTS),
    "ssm_weight": (r"$\mu$, weight of L_ssm", WEIGHTS),
    "diffusion.num_steps": ("T, steps of the walk", (5, 10, 20, 50, 100)),
    "num_interests": ("K, interests", (1, 2, 4, 8)),
    "temperature": ("temperature", (0.03, 0.06, 0.12, 0.25, 0.5)),
}


def data(study: Study) -> pd.DataFrame:
    """Accuracy on the test split; the configured value is one of each factor's.

    Returns:
        Columns `factor`, `value`, `configured` (whether it is), `HR@50` and `NDCG@50` in percent.
    """
    rows = []
    for factor, (_, values) in FACTORS.items():
        configured = _configured(study.model, factor)
        for value in sorted({*values, configured}):
            is_configured = value == configured
            name = FULL if is_configured else f"{factor} = {value:g}"
            metrics = study.run(name, {} if is_configured else _changes(study.model, factor, value)).metrics
            accuracy = {metric: percent(metrics[metric]) for metric in METRICS}
            rows.append({"factor": factor, "value": value, "configured": is_configured, **accuracy})
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> Figure:
    """A row for each factor, a column for each metric; the dotted line is the configured value."""
    figure, axes = panels(len(FACTORS), len(METRICS), height=6.6, share_y="col")
    for row, (factor, (label, _)) in zip(axes, FACTORS.items(), strict=True):
        line = table[table["factor"] == factor]
        for panel, (metric, (colour, style)) in zip(row, METRICS.items(), strict=True):
            configured = line.loc[line["configured"], "value"].item()
            panel.axvline(configured, color=GREY, linestyle=":", linewidth=1, label="configured value")
            panel.plot(line["value"], line[metric], style, color=colour, label=metric)
            plain_log_axis(panel, line["value"].tolist())
            panel.set_xlabel(with_symbols(label))
            panel.set_ylabel(f"{metric} (%)")
    handles = {
        text: handle for panel in axes[0] for handle, text in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles))
    return figure


def _configured(model: DimeRecConfig, factor: str) -> float:
    value: Any = model
    for part in factor.split("."):
        value = getattr(value, part)
    return value


def _changes(model: DimeRecConfig, factor: str, value: float) -> dict[str, Any]:
    """A walk of fewer steps than the reverse walk takes shortens that one too."""
    reverse_steps = model.diffusion.reverse_steps
    if factor == "diffusion.num_steps" and reverse_steps is not None:
        return {factor: value, "diffusion.reverse_steps": min(reverse_steps, int(value))}
    return {factor: value}

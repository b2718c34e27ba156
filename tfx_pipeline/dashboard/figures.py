"""Figures as Plotly's JSON, without colours of their own: the page gives them those of its theme."""

import json
from typing import Any

import plotly.graph_objects as go

from tfx_pipeline.dashboard.measured import Estimate, Estimates
from tfx_pipeline.dashboard.statistics import FeatureStatistics

Figure = dict[str, Any]


def intervals(metric: str, by_model: dict[str, Estimates]) -> Figure:
    """Each model's value of a metric with its interval, in percent."""
    found = {model: estimates[metric] for model, estimates in by_model.items() if metric in estimates}
    figure = go.Figure(
        go.Scatter(
            x=[100 * estimate.value for estimate in found.values()],
            y=list(found),
            error_x=_bars(list(found.values())),
            mode="markers",
            marker={"size": 10},
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    )
    figure.update_layout(height=70 + 45 * len(found), xaxis_title=f"{metric} in %", xaxis_rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return _plain(figure)


def over_runs(metric: str, names: list[str], by_model: dict[str, list[Estimate]]) -> Figure:
    """Each model's value of a metric in every run with its interval, in percent."""
    figure = go.Figure(
        [
            go.Scatter(
                x=names,
                y=[100 * estimate.value for estimate in values],
                error_y=_bars(values),
                mode="lines+markers",
                name=model,
            )
            for model, values in by_model.items()
        ]
    )
    figure.update_layout(height=320, yaxis_title=f"{metric} in %", yaxis_rangemode="tozero")
    figure.update_xaxes(type="category")
    return _plain(figure)


def history_lengths(features: list[FeatureStatistics]) -> Figure:
    """The share of examples with a history of at most so many events, by split."""
    figure = go.Figure(
        [
            go.Scatter(
                x=[feature.shortest, *feature.lengths],
                y=[100 * part / len(feature.lengths) for part in range(len(feature.lengths) + 1)],
                mode="lines+markers",
                name=feature.split,
            )
            for feature in features
        ]
    )
    figure.update_layout(
        height=300, xaxis_title="events in the history", yaxis_title="% of examples with at most so many"
    )
    return _plain(figure)


def top_values(feature: FeatureStatistics, titles: dict[str, str]) -> Figure:
    """The shares of a feature's most frequent items."""
    names = [titles.get(item, item) for item, _ in feature.top]
    places = list(range(len(names)))  # names may be alike, or numbers
    figure = go.Figure(
        go.Bar(
            x=[100 * share for _, share in feature.top],
            y=places,
            orientation="h",
            hovertext=names,
            hovertemplate="%{hovertext}: %{x:.2f}<extra></extra>",
        )
    )
    figure.update_layout(height=90 + 22 * len(names), xaxis_title="% of all values")
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=names)
    return _plain(figure)


def _bars(values: list[Estimate]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * estimate.above for estimate in values],
        "arrayminus": [100 * estimate.below for estimate in values],
    }


def _plain(figure: go.Figure) -> Figure:
    figure.update_layout(
        template="none", margin={"l": 10, "r": 20, "t": 10, "b": 40}, legend={"orientation": "h", "y": 1.1}
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return json.loads(figure.to_json())

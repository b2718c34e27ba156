"""Alert rules and the dashboard ask for metrics that exist, in PromQL that parses."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

import promql_parser
import pytest
from pydantic import AfterValidator, Field

from dimerec_tf.config_base import Section
from tests.serving.deploy.files import DEPLOY, ROOT, documents

HISTOGRAM = ("_bucket", "_sum", "_count")
DURATION = r"^([0-9]+(ms|s|m|h|d|w|y))+$"


def parse(expression: str) -> str:
    promql_parser.parse(expression)
    return expression


class Rule(Section):
    """One alerting rule, as Prometheus documents it."""

    alert: str = Field(pattern=r"^[A-Za-z_]\w*$")
    expr: Annotated[str, AfterValidator(parse)]
    for_: str = Field("0s", alias="for", pattern=DURATION)
    labels: dict[str, str]
    annotations: dict[str, str]


class Group(Section):
    name: str
    interval: str = Field("1m", pattern=DURATION)
    rules: list[Rule]


class RuleFile(Section):
    groups: list[Group]


def rules() -> list[Rule]:
    (document,) = documents(DEPLOY / "monitoring" / "alerts.yaml")
    return [rule for group in RuleFile.model_validate(document).groups for rule in group.rules]


def dashboard() -> dict[str, Any]:
    return json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())


def panel_expressions() -> list[str]:
    """With Grafana's variables filled in."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "1m").replace("$model", ".*") for expression in found]


def selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    """All vector selectors of a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        child = getattr(expression, name, None)
        if child is not None:
            yield from selectors(child)
    for argument in getattr(expression, "args", []):
        yield from selectors(argument)


def documented() -> dict[str, set[str]]:
    """The metrics of the table in docs/deploying.md with their labels; a histogram under each of its series."""
    table = {}
    section = (ROOT / "docs" / "deploying.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    for name, kind, labels in re.findall(r"^\| `([^`]+)` \| (\w+) \| ([^|]+) \|", section, re.MULTILINE):
        for suffix in HISTOGRAM if kind == "histogram" else ("",):
            table[name + suffix] = {*re.findall(r"`(\w+)`", labels), "job", "instance"}
    return table


EXPRESSIONS = [rule.expr for rule in rules()] + panel_expressions()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_metrics_and_labels_are_documented(expression: str) -> None:
    table = documented()
    found = list(selectors(promql_parser.parse(expression)))
    assert found
    for selector in found:
        assert selector.name in table
        assert {matcher.name for matcher in selector.matchers.matchers} <= table[selector.name]
        assert any(matcher.name == "job" for matcher in selector.matchers.matchers)


@pytest.mark.parametrize("expression", ["sum(rate(x[5m])", "rate(x)", "x{status=~}"])
def test_broken_promql_would_be_found(expression: str) -> None:
    with pytest.raises(ValueError):
        Rule.model_validate({"alert": "A", "expr": expression, "labels": {}, "annotations": {}})


def test_every_trouble_has_an_alert_that_says_what_to_do() -> None:
    found = {rule.alert.removeprefix("Dimerec"): rule for rule in rules()}
    assert found.keys() == {
        *("ErrorRate", "LatencyP99", "Overload", "ServerDown", "NoVersionAvailable", "LoadFailure", "StaleModel"),
    }
    for rule in found.values():
        assert rule.labels["severity"] in {"page", "ticket"}
        assert rule.annotations["summary"] and rule.annotations["action"]
        for label in re.findall(r"\$labels\.(\w+)", rule.annotations["summary"]):
            assert label in rule.expr or label in {"instance", "model_path"}


def test_dashboard_panels_do_not_overlap_and_use_its_variables() -> None:
    board = dashboard()
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "model"}
    cells: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        cells |= own

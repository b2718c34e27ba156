"""What a page does with text that would be code, each of its two defences without the other."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from plotly.offline import get_plotlyjs

from tests.browser import open_browser
from tests.hostile import HOSTILE
from tfx_pipeline.dashboard import figures
from tfx_pipeline.dashboard.policy import new_nonce, policy
from tfx_pipeline.dashboard.statistics import FeatureStatistics

STATIC = resources.files("tfx_pipeline.dashboard") / "static"
ESCAPES = "cell.append(contentOf(this.data.rows[row][column]))"
WRITES_HTML = "cell.innerHTML = textOf(this.data.rows[row][column])"
BOUNDED = "<tfma-bounded-value value=0.5 lower-bound=0.25 upper-bound=0.75></tfma-bounded-value>"
DRAW = """([kind, rows]) => {
  const chart = new google.visualization.ChartWrapper({ container: document.getElementById("place") });
  chart.setChartType(kind);
  chart.setDataTable(google.visualization.arrayToDataTable(rows));
  chart.draw();
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_context(offline=True).new_page()
    yield opened
    opened.context.close()


def _open(page: Page, folder: Path, charts: str = "", head: str = "") -> None:
    """A page that has loaded what draws for TFMA."""
    scripts = {
        "plotly": get_plotlyjs(),
        "plotly_text": (STATIC / "plotly_text.js").read_text(),
        "charts": charts or (STATIC / "google_charts.js").read_text(),
    }
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text)
    nonce = new_nonce()
    loaded = "".join(f'<script nonce="{nonce}" src="{name}.js"></script>' for name in scripts)
    head = head.replace("POLICY", policy(nonce))
    file = folder / "page.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{head}<div id=place style='width: 900px'></div>{loaded}")
    page.goto(file.as_uri())


def _draw(page: Page, kind: str, cells: list[Any]) -> None:
    page.evaluate(DRAW, [kind, [["slice", "HR@10"], *([cell, 1 + place] for place, cell in enumerate(cells))]])


def _has_run(page: Page) -> bool:
    page.wait_for_timeout(500)  # an image that fails runs its script later
    return bool(page.evaluate("window.ran"))


def _as_tfma_gives_them() -> list[dict[str, Any]]:
    """As text, as the id of a row that ends in a number, and as a value."""
    as_numbers = [{"f": text, "v": 5} for text in (*HOSTILE, BOUNDED + HOSTILE[0], HOSTILE[0] + BOUNDED)]
    return [*({"f": text, "v": text} for text in HOSTILE), *as_numbers, {"f": BOUNDED, "v": BOUNDED}]


def test_a_table_shows_text_as_it_is_and_intervals_as_tfma_draws_them(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path)
    cells = _as_tfma_gives_them()
    _draw(page, "Table", [*cells, {"f": BOUNDED, "v": 0.5}])
    shown = page.locator("tbody td:first-child")
    assert [cell.text_content() for cell in shown.all()[:-1]] == [cell["f"] for cell in cells]
    assert page.locator("tbody td *").count() == 1
    bounds = [page.locator("tfma-bounded-value").get_attribute(f"{name}") for name in ("value", "lower-bound")]
    assert bounds == ["0.5", "0.25"]
    assert not _has_run(page)


def test_a_table_that_wrote_html_would_run_it(page: Page, tmp_path: Path) -> None:
    charts = (STATIC / "google_charts.js").read_text()
    assert ESCAPES in charts
    _open(page, tmp_path, charts.replace(ESCAPES, WRITES_HTML))
    _draw(page, "Table", _as_tfma_gives_them())
    assert _has_run(page)


def test_the_policy_stops_what_a_table_that_wrote_html_would_run(page: Page, tmp_path: Path) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    charts = (STATIC / "google_charts.js").read_text().replace(ESCAPES, WRITES_HTML)
    _open(page, tmp_path, charts, '<meta http-equiv="Content-Security-Policy" content="POLICY"><script>ran=1</script>')
    _draw(page, "Table", _as_tfma_gives_them())
    page.locator("a[href^=javascript]").first.click()
    assert not _has_run(page)
    for what in ("Executing inline script", "Executing inline event handler", "Running the JavaScript URL"):
        assert any(message.startswith(what) for message in refused), refused


@pytest.mark.parametrize("kind", ["ColumnChart", "LineChart"])
def test_a_chart_has_no_links_and_no_bold_text(page: Page, tmp_path: Path, kind: str) -> None:
    _open(page, tmp_path)
    _draw(page, kind, list(HOSTILE))
    expect(page.locator("svg.main-svg").first).to_be_visible()
    assert page.locator("#place a").count() == 0
    if kind == "ColumnChart":
        shown = [label.text_content() for label in page.locator(".xaxislayer-above text").all()]
        assert HOSTILE[5] in shown and HOSTILE[11] in shown
    assert not _has_run(page)


def test_items_of_one_name_and_names_that_are_numbers_have_a_bar_each(page: Page, tmp_path: Path) -> None:
    top = [("a", 0.4), ("b", 0.3), ("7", 0.2), (HOSTILE[7], 0.1)]
    feature = FeatureStatistics("train", "target_item_id", 10, 0.0, 1, 1.0, 1, 4, top, [])
    _open(page, tmp_path)
    figure = figures.top_values(feature, {"a": "Alien", "b": "Alien"})
    page.evaluate("([f]) => Plotly.react('place', plotlyText(f.data), plotlyText(f.layout))", [figure])
    assert page.locator(".bars .point").count() == 4
    shown = [label.text_content() for label in page.locator(".yaxislayer-above text").all()]
    assert shown == ["Alien", "Alien", "7", HOSTILE[7]]
    assert page.locator("#place svg a").count() == 0

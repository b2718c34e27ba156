"""The dashboard of four runs, opened in a browser without a network. Their ids, titles and categories are hostile."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from dimerec_tf.data.protocols import SPLIT_NAMES
from tests.browser import open_browser
from tests.e2e.small_log import FIRST_HOSTILE_ITEM, NUM_ITEMS, Run, hostile_item
from tests.hostile import HOSTILE
from tfx_pipeline.dashboard.runs import read_runs
from tfx_pipeline.dashboard.serve import PortTaken, start
from tfx_pipeline.dashboard.statistics import drifts
from tfx_pipeline.dashboard.write import NAVIGATION, write_dashboard
from tfx_pipeline.examples import read_split
from tfx_pipeline.outcome import Outcome
from tfx_pipeline.workdir import Workdir

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "dashboard.ipynb"
# Of every other item; the others are shown by their ids.
TITLES = {hostile_item(item): f"The <{item}> {HOSTILE[item % len(HOSTILE)]}" for item in range(0, NUM_ITEMS, 2)}


@pytest.fixture(scope="module")
def folder(first: Run, warm: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dashboard") / "pages"
    write_dashboard(Workdir(first.workdir).metadata, output, TITLES)
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with _watched(browser, "file:", offline=True) as opened:
        yield opened


@contextmanager
def _watched(browser: Browser, own: str, **options: Any) -> Iterator[Page]:
    """A window that fails its test if a script failed, a page asked for anything beside its files, or text ran."""
    context = browser.new_context(color_scheme="dark", viewport={"width": 1280, "height": 900}, **options)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("dialog", lambda dialog: problems.append(dialog.message))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    within = (own, "data:", "blob:")
    opened.on("request", lambda request: None if request.url.startswith(within) else problems.append(request.url))
    yield opened
    opened.wait_for_timeout(300)  # an image that fails runs its script later
    ran = opened.evaluate("window.ran")
    context.close()
    assert not problems and ran is None


def _shown(item: str) -> str:
    return TITLES.get(item, item)


def _open(page: Page, folder: Path, name: str) -> None:
    page.goto((folder / f"{name}.html").as_uri())


@pytest.mark.parametrize("name", NAVIGATION)
def test_every_page_opens_and_leads_to_the_others(page: Page, folder: Path, name: str) -> None:
    _open(page, folder, name)
    for other, label in NAVIGATION.items():
        expect(page.locator(f"nav a[href='{other}.html']")).to_have_text(label)
    for chart in page.locator("[data-figure]").all():
        expect(chart.locator("svg.main-svg").first).to_be_visible()


def test_the_overview_has_what_the_evaluator_measured(page: Page, folder: Path, warm: Outcome) -> None:
    _open(page, folder, "index")
    expect(page.locator("h1")).to_have_text("Blessed, version 2")
    rows = {row.locator("th").inner_text(): row for row in page.locator("#top-10 tbody tr").all()}
    assert list(rows) == ["popularity", "sequential_rules", "last blessed", "dimerec"]
    for model, metrics in warm.metrics.items():
        cells = [cell.inner_text().split("\n") for cell in rows[model].locator("td").all()]
        names = ("HR", "NDCG", "MRR", "coverage", "novelty", "popularity_bias", "categories", "diversity")
        for name, (value, *interval) in zip(names, cells, strict=True):
            factor = 100 if name in ("HR", "NDCG", "MRR", "coverage") else 1
            assert float(value) == pytest.approx(factor * metrics[f"{name}@10"], abs=0.006)
            if interval:
                low, high = interval[0].split(" to ")
                assert float(low) <= float(value) <= float(high)
            assert bool(interval) == (name != "coverage")
    assert page.locator("#differences tbody td").count() == 8
    assert [row.locator("th").inner_text() for row in page.locator("#exports tbody tr").all()] == [
        "exact",
        "ivf",
        "scann",
    ]


def test_a_click_on_a_slice_marks_it_and_its_number_is_the_evaluators(page: Page, folder: Path, warm: Outcome) -> None:
    _open(page, folder, "slices")
    page.locator("#feature").select_option("category")
    for model in ("dimerec", "sequential_rules"):
        page.locator("#model").select_option(model)
        table = page.locator("tfma-metrics-table table")
        row = table.locator("tbody tr", has_text="category:even")
        expect(row).to_be_visible()
        row.click()
        assert row.evaluate("line => line.style.background") != ""
        assert table.locator("tbody tr", has_text="category:odd").evaluate("line => line.style.background") == ""
        columns = table.locator("thead th").all_inner_texts()
        shown = row.locator("td").nth(columns.index("HR@10")).locator("tfma-bounded-value div").first.inner_text()
        assert float(shown) == pytest.approx(warm.slices[model]["category=even"]["HR@10"], abs=1e-4)


def test_tfmas_view_shows_every_category_as_it_is(page: Page, folder: Path, warm: Outcome) -> None:
    _open(page, folder, "slices")
    page.locator("#feature").select_option("category")
    for model, slices in warm.slices.items():
        page.locator("#model").select_option(model)
        names = {name.replace("category=", "category:", 1) for name in slices if name.startswith("category=")}
        assert len(names) > 10, "most of them hostile"
        table = page.locator("tfma-metrics-table table")
        expect(table.locator("tbody tr")).to_have_count(len(names) + 1)
        assert {row.locator("td").first.text_content() for row in table.locator("tbody tr").all()} == {
            "Overall",
            *names,
        }
        for bar in page.locator("tfma-slice-overview .bars .point path").all():
            bar.hover(force=True)
        assert page.locator("tfma-slice-overview svg a").count() == 0


def test_a_click_on_a_bar_chooses_the_slice_and_a_click_on_a_head_sorts(page: Page, folder: Path) -> None:
    _open(page, folder, "slices")
    page.locator("#feature").select_option("history_length")
    bars = page.locator("tfma-slice-overview .bars .point path")
    expect(bars.first).to_be_visible()
    before = [bar.get_attribute("style") for bar in bars.all()]
    bars.first.click(force=True)  # what Plotly lays over it takes the click
    expect(bars.first).not_to_have_attribute("style", before[0])
    assert bars.nth(1).get_attribute("style") == before[1]
    head = page.locator("tfma-metrics-table thead th", has_text="example_count").first
    for descending in (False, True):
        head.click()
        place = page.locator("tfma-metrics-table thead th").all_inner_texts()
        column = next(number for number, text in enumerate(place) if text.startswith("example_count"))
        rows = page.locator("tfma-metrics-table tbody tr").all()
        counts = [float(row.locator("td").nth(column).inner_text()) for row in rows]
        assert counts == sorted(counts, reverse=descending) and len(set(counts)) > 1


def test_runs_are_in_order_with_their_verdicts(page: Page, folder: Path) -> None:
    _open(page, folder, "runs")
    rows = [row.locator("th, td").all_inner_texts()[:3] for row in page.locator("#runs tbody tr").all()]
    assert [(verdict, version) for _, verdict, version in rows] == [
        ("blessed", "2"),
        ("refused", ""),
        ("blessed", "1"),
        ("blessed", "1"),
    ]
    assert [name for name, _, _ in rows] == sorted((name for name, _, _ in rows), reverse=True)
    series = page.locator("tfma-time-series-browser tfma-metrics-table tbody tr")
    expect(series).to_have_count(4)
    expect(page.locator("tfma-line-chart .scatterlayer .point")).to_have_count(4)


def test_users_see_titles_and_the_next_item_is_marked(page: Page, folder: Path, warm: Outcome) -> None:
    _open(page, folder, "users")
    examples = {user: (history, target) for user, history, target in read_split(warm.examples_uri, "test")}
    for section in page.locator(".user").all():
        history, target = examples[section.locator("h2").text_content().removeprefix("User ")]
        parts = section.locator(".columns > div").all()
        lists = {part.locator("h3").inner_text(): part.locator("li").all_text_contents() for part in parts}
        assert lists["latest events, newest first"] == [_shown(item) for item in history[:-11:-1]]
        assert lists["sequential rules"][0] == _shown(target), "the ring is what the rules count"
        assert len(lists["dimerec"]) == 10 and not set(lists["dimerec"]) & {_shown(item) for item in history}
        assert _shown(target) in section.locator("li.hit").all_text_contents()


def test_tfdvs_view_counts_the_examples_of_every_split(page: Page, folder: Path, warm: Outcome) -> None:
    _open(page, folder, "data")
    view = page.frame_locator("iframe.facets")
    expect(view.get_by_text("target_item_id", exact=True)).to_be_visible()
    for name in (*SPLIT_NAMES, "train of the previous run"):
        expect(view.get_by_text(name, exact=True).first).to_be_visible()
    for split in SPLIT_NAMES:
        examples = sum(1 for _ in read_split(warm.examples_uri, split))
        expect(view.get_by_text(f"{examples:,}", exact=True).first).to_be_visible()
    view.get_by_label("Feature search (regex enabled)").fill("user")
    expect(view.get_by_text("target_item_id", exact=True)).to_be_hidden()


def test_tfdvs_view_shows_values_as_they_are(page: Page, folder: Path) -> None:
    page.goto((folder / "facets.html").as_uri())  # without the sandbox that the data page puts it into
    buttons = page.get_by_text("show raw data")
    expect(buttons.first).to_be_visible()
    while buttons.count():
        buttons.first.click()
    values = page.locator(".dialog-row-entry.label-cell").all_text_contents()
    items = {value for value in values if value.startswith("i")}
    assert items <= {hostile_item(item) for item in range(NUM_ITEMS)}
    assert items & {hostile_item(item) for item in range(FIRST_HOSTILE_ITEM, NUM_ITEMS)}


def test_tfdvs_view_cannot_reach_the_page_around_it(page: Page, folder: Path) -> None:
    _open(page, folder, "data")
    expect(page.frame_locator("iframe.facets").get_by_text("target_item_id", exact=True)).to_be_visible()
    assert page.frames[1].evaluate("window.origin") == "null"


def test_drift_is_the_largest_difference_of_a_share(first: Run, warm: Outcome) -> None:
    def shares(split: str) -> dict[str, float]:
        counts = Counter(target for _, _, target in read_split(warm.examples_uri, split))
        return {item: count / counts.total() for item, count in counts.items()}

    *_, previous, newest = read_runs(Workdir(first.workdir).metadata)
    found = {
        (drift.feature, drift.of, drift.against): drift for drift in drifts(newest.statistics, previous.statistics)
    }
    train, test = shares("train"), shares("test")
    expected = max(abs(train.get(item, 0) - test.get(item, 0)) for item in train.keys() | test.keys())
    drift = found["target_item_id", "test", "train"]
    assert drift.l_infinity == pytest.approx(expected) and 0 < drift.jensen_shannon < 1
    alike = found["target_item_id", "test", "test of the previous run"]
    assert alike.l_infinity == alike.jensen_shannon == 0


def test_it_is_served_on_this_machine(folder: Path) -> None:
    server = start(folder, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        assert requests.get(address, timeout=10).content == (folder / "index.html").read_bytes()
        with pytest.raises(PortTaken, match=r"Port \d+ cannot be listened on .*--port"):
            start(folder, server.server_port)
    finally:
        server.shutdown()
        server.server_close()


def test_pages_from_the_server_draw_what_files_draw(browser: Browser, folder: Path) -> None:
    server = start(folder, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    try:
        with _watched(browser, address) as page:
            for name in NAVIGATION:
                page.goto(f"{address}{name}.html")
                for chart in page.locator("[data-figure]").all():
                    expect(chart.locator("svg.main-svg").first).to_be_visible()
                for view in page.locator("[data-view]").all():
                    expect(view.locator("tfma-metrics-table td").first).to_be_visible()
                for _ in page.locator("iframe").all():
                    view = page.frame_locator("iframe").get_by_text("target_item_id", exact=True)
                    expect(view).to_be_visible()
    finally:
        server.shutdown()
        server.server_close()


def test_the_command_writes_titles_and_serves_until_it_is_interrupted(
    first: Run, warm: Outcome, tmp_path: Path
) -> None:
    with (tmp_path / "items.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("item_id", "title"), *TITLES.items()])
    options = ["--workdir", first.workdir, "--output", tmp_path / "pages", "--titles", tmp_path / "items.csv"]
    heeding = ["env", "--default-signal=INT"]  # also where what started the tests ignores Ctrl-C, as shells' `&` does
    process = subprocess.Popen(
        [*heeding, Path(sys.executable).with_name("dimerec"), "dashboard", *options, "--serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    try:
        served = next(line for line in process.stdout if line.startswith("Serving it at "))
        page = requests.get(served.split()[3] + "users.html", timeout=10).text
        assert "The &lt;" in page
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_the_notebook_shows_the_same(first: Run, warm: Outcome) -> None:
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]).replace("build/demo", str(first.workdir)), names)
    shown = {row["slice"]: row["metrics"][""][""] for row in names["by_length"].data}
    for slice_name, metrics in warm.slices["dimerec"].items():
        feature, _, value = slice_name.partition("=")
        if feature == "history_length":
            assert shown[f"{feature}:{value}"]["HR@10"]["boundedValue"]["value"] == metrics["HR@10"]
    assert len(names["over_time"].data) == 4

"""The made-up log that the pipeline is measured on, and the page about it."""

import json

import pandas as pd
import pytest

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.log_reader import read_log
from tfx_pipeline.benchmark.event_log import EVENTS_PER_USER, FILES, FIRST_EVENTS, ITEMS, write_log
from tfx_pipeline.benchmark.report import write_report
from tfx_pipeline.benchmark.steps import MEASURED


@pytest.mark.parametrize("events", [1003, 20_000])
def test_it_has_the_events_asked_for_and_every_user_some(tmp_path, events):
    write_log(tmp_path / "log", events)
    assert len(list((tmp_path / "log").glob("*.csv"))) == FILES
    batches = list(read_log(DataConfig(path=str(tmp_path / "log"))))
    users = pd.concat([pd.Series(batch.users) for batch in batches]).value_counts()
    assert users.sum() == events and len(users) == events // EVENTS_PER_USER and users.min() >= FIRST_EVENTS
    items = pd.concat([pd.Series(batch.items) for batch in batches]).astype(int)
    assert items.between(0, ITEMS - 1).all()
    assert (items < ITEMS // 10).mean() > 0.3, "the first tenth of the items has 0.1 ** 0.4 of the events"


def test_rows_are_for_programs_and_the_page_for_people(tmp_path):
    rows = [
        {"events": events, "component": component, "seconds": events / 7e4, "peak_mb": 900, "workers": workers}
        for events in (1_000_000, 10_000_000)
        for component in MEASURED
        for workers in (1, 2)
    ]
    write_report({"pipeline": rows}, tmp_path / "results" / "pipeline.json", tmp_path / "page.md")
    assert json.loads((tmp_path / "results" / "pipeline.json").read_text()) == rows
    assert "| 10,000,000 | Transform | 142.857 | 900 | 2 |" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "images" / "pipeline" / "pipeline.png").exists()

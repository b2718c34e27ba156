"""The made-up log that the pipeline is measured on."""

import pandas as pd
import pytest

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.log_reader import read_log
from tfx_pipeline.benchmark.event_log import EVENTS_PER_USER, FILES, FIRST_EVENTS, ITEMS, write_log


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

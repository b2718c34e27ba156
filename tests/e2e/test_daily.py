"""A log that grows by a span: the same command reads it, goes on from the blessed model, and leaves its lineage."""

from pathlib import Path

import pytest
import tensorflow as tf

from dimerec_tf.cli.pipeline import run_pipeline
from dimerec_tf.data.log_reader import LogError
from tests.e2e.small_log import BAD_ROWS, NUM_ITEMS, NUM_USERS, small_config, write_log
from tests.export.served import example
from tfx_pipeline.lineage import read_lineage
from tfx_pipeline.workdir import Workdir

HEADER = "user_id,item_id,timestamp"
SPAN_TIME = 5000  # five steps round the ring


def write_spans(folder: Path) -> None:
    """The small log, cut by time into spans 0, 1 and 2."""
    folder.mkdir()
    write_log(folder.parent / "whole.csv")
    rows = (folder.parent / "whole.csv").read_text().splitlines()[1 : -len(BAD_ROWS)]
    spans: dict[int, list[str]] = {}
    for row in rows:
        spans.setdefault(int(row.rsplit(",", 1)[1]) // SPAN_TIME, []).append(row)
    assert sorted(spans) == [0, 1, 2]
    for number, events in spans.items():
        (folder / f"{number}.csv").write_text("\n".join([HEADER, *events]) + "\n")


def write_span_without_new_items(file: Path, number: int) -> None:
    """Two more events of every user."""
    events = [
        f"u{user},i{(user + step) % NUM_ITEMS},{number * SPAN_TIME + step}"
        for user in range(NUM_USERS)
        for step in range(2)
    ]
    file.write_text("\n".join([HEADER, *events]) + "\n")


def write_requests(folder: Path) -> None:
    """What a server was asked, as it logs it."""
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "requests-20260101T000000Z-0.tfrecord.gz"), "GZIP") as writer:
        for start in range(NUM_ITEMS):
            history = [f"i{start}", f"i{(start + 1) % NUM_ITEMS}"]
            writer.write(example(history_item_ids=history))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_next_span_is_one_command_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    write_spans(tmp_path / "days")
    write_requests(tmp_path / "requests")
    config = small_config(
        tmp_path,
        data={"path": str(tmp_path / "days" / "{SPAN}.csv"), "window": 3},
        watching={
            "max_drift": 1.0,
            "min_users": 0.0,
            "max_skew": 0.5,
            "anomalies": "stop",
            "request_log": str(tmp_path / "requests"),
        },
        warm_start={"epochs": 1, "learning_rate": 1e-9},
        evaluation={"min_hit_rate_at_10": 0.1, "max_drop_at_10": 1.0},
    )
    work = Workdir(tmp_path / "work")
    assert run_pipeline(config, work.root).pushed_version == 1

    write_span_without_new_items(tmp_path / "days" / "3.csv", 3)
    second = run_pipeline(config, work.root)
    assert second.pushed_version == 2 and second.anomalies == []
    first_lineage, second_lineage = (read_lineage(work.metadata, version, config.name) for version in (1, 2))
    assert [span["span"] for span in first_lineage.spans] == [0, 1, 2]
    assert [span["span"] for span in second_lineage.spans] == [1, 2, 3]
    assert second_lineage.spans[-1] == {"span": 3, "version": None, "files": "3.csv", "events": 2 * NUM_USERS}
    assert (second_lineage.warm_start, second_lineage.baseline) == (1, 1)

    (tmp_path / "days" / "4.csv").write_text("customer,item_id,timestamp\nu1,i1,20000\n")
    with pytest.raises(LogError, match=r"4\.csv has no column 'user_id'"):
        run_pipeline(config, work.root)
    versions = [entry.name for entry in work.serving(config.name).iterdir()]
    assert sorted(versions) == ["1", "2"]

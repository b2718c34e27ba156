"""A log that grows day by day: which spans and versions are read, and what of them is refused."""

import json
import os
from pathlib import Path

import pytest
from tfx.orchestration import data_types

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.log_reader import LogError
from tests.tfx_pipeline.test_sequence_example_gen import HEADER, Output, execute
from tfx_pipeline.components.sequence_example_gen.component import SequenceExampleGen, span_place
from tfx_pipeline.components.sequence_example_gen.driver import Driver
from tfx_pipeline.components.sequence_example_gen.reports import SPANS
from tfx_pipeline.components.sequence_example_gen.spans import find_spans

DAYS = "days/{YYYY}-{MM}-{DD}/v{VERSION}"
DAY = 20454  # 2026-01-01


def write(root: Path, place: str, events: str) -> Path:
    file = root / place / "part.csv"
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + events)
    return file


@pytest.fixture
def days(tmp_path) -> Path:
    """Five days without the third, the fourth in two versions; a user goes from a to e, an item each day."""
    write(tmp_path, "days/2026-01-01/v1", "u,a,1\nw,a,1\n")
    write(tmp_path, "days/2026-01-02/v1", "u,b,2\nw,b,2\n")
    write(tmp_path, "days/2026-01-04/v9", "u,wrong,4\n")
    write(tmp_path, "days/2026-01-04/v10", "u,d,4\nu,c,3\n")
    write(tmp_path, "days/2026-01-05/v1", "u,e,5\nw,c,5\n")
    return tmp_path


def resolved(data: DataConfig, root: Path) -> dict:
    component = SequenceExampleGen(data=data, rejected_dir=str(root / "rejected"), code_version="1")
    pipeline = data_types.PipelineInfo("", "")
    where = pipeline, data_types.ComponentInfo("", "", pipeline)
    return Driver(metadata_handle=None).resolve_exec_properties(dict(component.exec_properties), *where)


def run(root: Path, window: int, path: str = DAYS) -> Output:
    data = DataConfig(path=f"{root}/{path}", window=window)
    return execute(resolved(data, root), root)


def test_the_newest_spans_are_read_in_their_highest_versions(days):
    output = run(days, window=4)
    assert [(e.user_id, *e.history, *e.targets) for e in output.split("test")] == [("u", "b", "c", "d", "e")]
    assert (output.examples.span, output.examples.version) == (DAY + 4, 1)
    assert json.loads(output.examples.get_string_custom_property(SPANS)) == [
        {"span": DAY + 1, "version": 1, "files": "2026-01-02/v1/*", "events": 2},
        {"span": DAY + 3, "version": 10, "files": "2026-01-04/v10/*", "events": 2},
        {"span": DAY + 4, "version": 1, "files": "2026-01-05/v1/*", "events": 2},
    ]


def test_a_window_longer_than_the_log_reads_all_of_it(days):
    assert run(days, window=40).split("test")[0].history == ["a", "b", "c", "d"]


def test_the_newest_span_and_the_one_before_it_are_splits_to_be_compared(days):
    output = run(days, window=4)
    of_span = {
        name: {e.user_id: (*e.history, *e.targets) for e in output.split(name)} for name in ("previous", "newest")
    }
    assert of_span == {"previous": {"u": ("c", "d")}, "newest": {"u": ("e",), "w": ("c",)}}


def test_the_window_moves_with_the_log(days):
    write(days, "days/2026-01-06/v1", "u,f,6\nu,g,7\n")
    assert run(days, window=2).split("test")[0].history == ["e", "f"]


def test_an_empty_newest_span_is_refused_in_one_sentence(days):
    write(days, "days/2026-01-06/v1", "")
    with pytest.raises(LogError, match=r"newest span of the log, 2026-01-06/v1/\*, has no valid event") as refused:
        run(days, window=4)
    assert "\n" not in str(refused.value)


def test_a_newest_span_without_a_log_file_is_refused(days):
    (days / "days/2026-01-06/v1").mkdir(parents=True)
    (days / "days/2026-01-06/v1/_SUCCESS").touch()
    with pytest.raises(LogError, match="has no valid event"):
        run(days, window=4)


def test_the_fingerprint_is_of_every_span_in_the_window(days):
    data = DataConfig(path=f"{days}/{DAYS}", window=4)

    def fingerprint() -> str:
        return resolved(data, days)["input_fingerprint"]

    first = fingerprint()
    outside = days / "days/2026-01-01/v1/part.csv"
    os.utime(outside, (5, 5))
    assert fingerprint() == first
    write(days, "days/2026-01-02/v2", "u,b,2\n")
    assert fingerprint() != first


def test_numbered_spans(tmp_path):
    for number in (8, 9, 10):
        write(tmp_path, f"span-{number}", f"u,i{number},{number}\n")
        write(tmp_path, f"padded-{number:03}", "")
    assert [span.number for span in find_spans(str(tmp_path), "span-{SPAN}/*", 2)] == [9, 10]
    assert [span.number for span in find_spans(str(tmp_path), "padded-{SPAN:3}/*", 9)] == [8, 9, 10]
    with pytest.raises(LogError, match=r"Span 10 of .* is not written like that: \{SPAN:3\}"):
        find_spans(str(tmp_path), "padded-{SPAN}/*", 2)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("days/{YYYY}/{DD}", "cannot be told: Exactly one of each date spec"),
        ("other/{SPAN}", "No span of the log at"),
        ("days/{VERSION}", "cannot be told: Version spec provided, but Span"),
        ("days/2026-01-{SPAN}-x/v{VERSION}", "No span"),
    ],
)
def test_a_path_without_spans_is_refused(days, path, message):
    with pytest.raises(LogError, match=message):
        run(days, window=2, path=path)


def test_places_of_spans():
    assert span_place("/log/{YYYY}{MM}{DD}.csv") == ("/log", "{YYYY}{MM}{DD}.csv")
    assert span_place("log/{SPAN}/v{VERSION}/") == ("log", "{SPAN}/v{VERSION}/*")
    assert span_place("gs://bucket/day={SPAN}") == ("gs://bucket", "day={SPAN}/*")
    assert span_place("{SPAN:5}-*.parquet") == (".", "{SPAN:5}-*.parquet")
    with pytest.raises(ConfigError, match="bracket"):
        span_place("log[1]/{SPAN}")

"""SequenceExampleGen: what its executor writes, sets aside and refuses."""

import bz2
import json
import os
import random
import zipfile
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import dill
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration import data_types
from tfx.types import artifact_utils, standard_artifacts

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.data.protocols import SPLIT_NAMES, UserExample
from dimerec_tf.data.rejects import TooManyBadRows
from dimerec_tf.data.splits import load_splits
from tests.parquet_with_code import write_with_code
from tfx_pipeline.components.sequence_example_gen.component import SequenceExampleGen, input_place
from tfx_pipeline.components.sequence_example_gen.driver import Driver
from tfx_pipeline.components.sequence_example_gen.events import (
    AddTimes,
    Comparable,
    ReadEvents,
    ResolveBoundaries,
    SplitUser,
)
from tfx_pipeline.components.sequence_example_gen.executor import Executor
from tfx_pipeline.components.sequence_example_gen.packs import LatestEvents

HEADER = "user_id,item_id,timestamp\n"
GLOBAL_TIME = SplitConfig(kind="global_time", eval_from=0.6, test_from=0.8)
BEAM_ARGS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]


class Output(NamedTuple):
    examples: standard_artifacts.Examples
    rejected: Path

    def split(self, name: str) -> list[UserExample]:
        """Examples in the order of the files."""
        return [self._decode(example, name) for example in self.raw_split(name)]

    def raw_split(self, name: str) -> list[tf.train.Example]:
        uri = artifact_utils.get_split_uri([self.examples], name)
        files = sorted(tf.io.gfile.glob(f"{uri}/*"))
        records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
        return [tf.train.Example.FromString(record) for record in records]

    @staticmethod
    def _decode(example: tf.train.Example, split: str) -> UserExample:
        features = {key: [v.decode() for v in f.bytes_list.value] for key, f in example.features.feature.items()}
        period = {"target_period"} if split == "test" else set()
        assert set(features) == {"user_id", "history_item_ids", "target_item_id"} | period
        (user,), targets = features["user_id"], features["target_item_id"]
        return UserExample(user, features["history_item_ids"], targets)


def run(data: DataConfig, folder: Path) -> Output:
    component = SequenceExampleGen(data=data, rejected_dir=str(folder / "rejected"), code_version="1")
    return execute(dict(component.exec_properties), folder)


def execute(exec_properties: dict, folder: Path) -> Output:
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    # Without arguments of its own TFX does not build a source package first, which takes longer than the run.
    executor = Executor(BaseBeamExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(argv=BEAM_ARGS)))
    executor.Do({}, {"examples": [examples]}, exec_properties)
    return Output(examples, folder / "rejected")


@pytest.fixture
def log(tmp_path) -> Path:
    """Three files with ties, repeats and every kind of bad row: 331 rows, 18 of them bad."""
    chance = random.Random(7)
    folder = tmp_path / "log"
    folder.mkdir()
    rows = [f"u{chance.randrange(25)},i{chance.randrange(40)},{chance.randrange(60)}" for _ in range(300)]
    rows += [f"long,i{n},{n // 3}" for n in range(20)]
    rows = list(dict.fromkeys(rows))
    rows += [rows[3], rows[50], ",i1,1", "u1,,2", "u1,i1,later", "u1,i1"]
    for part in range(3):
        (folder / f"part-{part}.csv").write_text(HEADER + "\n".join(rows[part::3]) + "\n")
    return folder


@pytest.mark.parametrize("split", [SplitConfig(), GLOBAL_TIME], ids=lambda split: split.kind)
def test_it_writes_what_load_splits_gives(log, tmp_path, split):
    data = DataConfig(path=str(log), split=split, max_bad_fraction=0.2)
    output, expected = run(data, tmp_path / "tfx"), load_splits(data, tmp_path / "memory")
    assert artifact_utils.decode_split_names(output.examples.split_names) == list(SPLIT_NAMES)
    for name in SPLIT_NAMES:
        written = output.split(name)
        assert written and sorted(written, key=lambda e: e.user_id) == sorted(
            getattr(expected, name), key=lambda e: e.user_id
        )
    rejected = [
        (folder / "rejected.jsonl").read_text().splitlines() for folder in (output.rejected, tmp_path / "memory")
    ]
    assert len(rejected[0]) == 6 and sorted(rejected[0]) == sorted(rejected[1])
    assert (output.rejected / "summary.json").read_text() == (tmp_path / "memory" / "summary.json").read_text()


def test_test_targets_lie_in_periods_of_equally_many(tmp_path):
    """User n's last event is on day n of January 2020."""
    day = [1577836800 + 86400 * number for number in range(1, 13)]
    rows = [f"u{number},i{place},{end + place - 3}" for number, end in enumerate(day, 1) for place in range(4)]
    (tmp_path / "log.csv").write_text(HEADER + "\n".join(rows[::-1]) + "\n")
    examples = run(DataConfig(path=str(tmp_path / "log.csv")), tmp_path / "out").raw_split("test")
    periods = {}
    for example in examples:
        features = example.features.feature
        (user,), (period,) = (features[name].bytes_list.value for name in ("user_id", "target_period"))
        periods.setdefault(period.decode(), []).append(int(user[1:]))
    assert {name: sorted(users) for name, users in periods.items()} == {
        "1 of 4: 2020-01-02 to 2020-01-04": [1, 2, 3],
        "2 of 4: 2020-01-05 to 2020-01-07": [4, 5, 6],
        "3 of 4: 2020-01-08 to 2020-01-10": [7, 8, 9],
        "4 of 4: 2020-01-11 to 2020-01-13": [10, 11, 12],
    }


def test_a_user_with_too_many_events_is_cut_as_in_memory(log, tmp_path):
    data = DataConfig(path=str(log), max_bad_fraction=0.2, max_user_events=12)
    output, expected = run(data, tmp_path / "tfx"), load_splits(data, tmp_path / "memory")
    assert expected.summary.cut_users > 5
    for name in SPLIT_NAMES:
        assert sorted(output.split(name), key=lambda e: e.user_id) == sorted(
            getattr(expected, name), key=lambda e: e.user_id
        )
    assert (output.rejected / "summary.json").read_text() == (tmp_path / "memory" / "summary.json").read_text()


def test_the_same_log_gives_the_same_files(log, tmp_path):
    data = DataConfig(path=str(log), max_bad_fraction=0.2)
    first, second = (run(data, tmp_path / name) for name in ("a", "b"))
    for name in SPLIT_NAMES:
        assert first.split(name) == second.split(name)


def test_too_many_bad_rows_stop_the_step(log, tmp_path):
    with pytest.raises(TooManyBadRows, match=r"2 exact duplicate, 1 missing item id") as failure:
        run(DataConfig(path=str(log), max_bad_fraction=0.001), tmp_path)
    assert "\n" not in str(failure.value) and str(tmp_path / "rejected") in str(failure.value)
    reasons = [
        json.loads(line)["reason"] for line in (tmp_path / "rejected" / "rejected.jsonl").read_text().splitlines()
    ]
    assert sorted(set(reasons)) == [
        "exact duplicate",
        "missing item id",
        "missing user id",
        "unparsable time",
        "wrong number of fields",
    ]


def test_a_missing_column_in_one_file_is_one_sentence(log, tmp_path):
    (log / "part-9.csv").write_text("user,item,time\na,b,1\n")
    with pytest.raises(LogError, match=r"^\S*part-9\.csv has no column 'user_id'.*data\.user_column") as failure:
        run(DataConfig(path=str(log), max_bad_fraction=0.2), tmp_path)
    assert "\n" not in str(failure.value)


def test_a_repaired_log_is_not_refused_for_an_old_failure(log, tmp_path):
    broken = log / "part-9.csv"
    broken.write_text("user,item,time\n")
    data = DataConfig(path=str(log), max_bad_fraction=0.2)
    with pytest.raises(LogError):
        run(data, tmp_path)
    broken.unlink()
    assert run(data, tmp_path).split("test")


def test_boundaries_that_cannot_split_stop_the_step(tmp_path):
    (tmp_path / "log.csv").write_text(HEADER + "u,a,1\nu,b,1\nu,c,1\n")
    with pytest.raises(LogError, match="no event lies between them"):
        run(DataConfig(path=str(tmp_path / "log.csv"), split=GLOBAL_TIME), tmp_path)


@pytest.mark.parametrize("split", [SplitConfig(), GLOBAL_TIME], ids=lambda split: split.kind)
def test_a_log_without_events_is_refused(tmp_path, split):
    (tmp_path / "log.csv").write_text(HEADER + ",a,1\n")
    with pytest.raises(LogError, match="no valid event; rows set aside: 1 missing user id"):
        run(DataConfig(path=str(tmp_path / "log.csv"), split=split, max_bad_fraction=1.0), tmp_path)


@pytest.mark.parametrize("kind", ["sequences", "users"])
def test_a_split_between_users_is_refused_in_one_sentence(log, tmp_path, kind):
    message = (
        rf"^A pipeline splits by leave_one_out or global_time: data\.split\.kind {kind} is for `dimerec bench` only\.$"
    )
    with pytest.raises(ConfigError, match=message):
        run(DataConfig(path=str(log), split=SplitConfig(kind=kind)), tmp_path)


@pytest.mark.parametrize(
    ("place", "message"),
    [("", r"data\.path is empty"), ("{}", r"data\.path needs files"), ("{}/absent.csv", "There is no log at")],
)
def test_a_path_without_a_log_is_refused(tmp_path, place, message):
    with pytest.raises(LogError, match=message):
        run(DataConfig(path=place.format(tmp_path)), tmp_path)


def test_a_name_is_no_pattern(tmp_path):
    folder = tmp_path / "log[1]"
    folder.mkdir()
    (folder / "part[2].csv").write_text(HEADER + "u,a,1\nu,b,2\nu,c,3\n")
    (folder / "part2.csv").write_text(HEADER + "other,a,1\n")
    one = run(DataConfig(path=str(folder / "part[2].csv")), tmp_path / "one")
    both = run(DataConfig(path=str(folder)), tmp_path / "both")
    assert [[example.user_id for example in output.split("train")] for output in (one, both)] == [["u"], ["other", "u"]]


def test_a_split_without_an_example_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text(HEADER + "u,a,1\nu,b,2\n")
    with pytest.raises(LogError, match=r"gives no eval example \(leave-one-out\)"):
        run(DataConfig(path=str(tmp_path / "log.csv")), tmp_path)


def test_the_input_fingerprint_follows_the_data(log):
    def fingerprint() -> str:
        component = SequenceExampleGen(data=DataConfig(path=str(log)), rejected_dir="r", code_version="1")
        driver = Driver(metadata_handle=None)
        properties = dict(component.exec_properties)
        pipeline = data_types.PipelineInfo("", "")
        resolved = driver.resolve_exec_properties(properties, pipeline, data_types.ComponentInfo("", "", pipeline))
        return resolved["input_fingerprint"]

    before = fingerprint()
    assert fingerprint() == before
    part = log / "part-0.csv"
    stamp = part.stat().st_mtime
    part.write_text(part.read_text() + "new,i1,1\n")
    os.utime(part, (stamp, stamp))
    longer = fingerprint()
    assert longer != before
    os.utime(part, (stamp + 5, stamp + 5))
    assert fingerprint() != longer


def test_settings_and_code_are_part_of_the_cache_key(log):
    def key(code_version: str = "1", **settings) -> str:
        data = DataConfig(path=str(log), **settings)
        return SequenceExampleGen(data, "r", code_version).exec_properties["custom_config"]

    assert len({key(), key("2"), key(split=GLOBAL_TIME), key(max_bad_fraction=0.5)}) == 4
    assert key() == key()


def test_input_place_of_files_directories_and_addresses(log):
    assert input_place(str(log)) == (str(log), "*")
    assert input_place(f"{log}/") == (str(log), "*")
    assert input_place(f"{log}/part-0.csv") == (str(log), "part-0.csv")
    assert input_place("gs://bucket/events.csv.gz") == ("gs://bucket", "events.csv.gz")
    assert input_place("gs://bucket/day=1") == ("gs://bucket/day=1", "*")
    assert input_place("gs://bucket/out.csv/") == ("gs://bucket/out.csv", "*")


@pytest.mark.parametrize(
    "step",
    [
        Comparable(),
        ReadEvents(DataConfig()),
        SplitUser(DataConfig(), {}),
        ResolveBoundaries(GLOBAL_TIME),
        AddTimes(),
        LatestEvents(3),
    ],
    ids=lambda step: type(step).__name__,
)
def test_steps_survive_pickling_for_workers(step):
    assert type(dill.loads(dill.dumps(step))).__module__ == type(step).__module__


def test_a_parquet_log_that_carries_python_is_refused_and_does_not_run(tmp_path):
    columns = {"user_id": ["ann", "ann"], "item_id": ["x", "y"], "timestamp": [1, 2]}
    marker = tmp_path / "marker"
    log = write_with_code(tmp_path / "log.parquet", marker, columns)
    with pytest.raises(LogError, match=r"log\.parquet cannot be read: a column of it is of a Python type"):
        run(DataConfig(path=str(log)), tmp_path)
    assert not marker.exists()


def test_a_relative_path_is_no_pattern(tmp_path, monkeypatch):
    """TensorFlow's and Beam's globs find nothing by an escaped bracket in the first part of a path."""
    monkeypatch.chdir(tmp_path)
    for folder, name in (("sales[12]", "a.csv"), ("x[/b", "c].csv"), ("sales1", "a.csv")):
        Path(folder).mkdir(parents=True)
        (Path(folder) / name).write_text(HEADER + f"{folder[:5]},a,1\nu,b,2\nu,c,3\nu,d,4\n")
    for path, user in (("sales[12]", "sales"), ("x[/b", "x[/b"), ("x[/b/c].csv", "x[/b")):
        output = run(DataConfig(path=path), tmp_path / path.replace("[", "-"))
        assert {example.user_id for example in output.split("train")} == {user, "u"}


def test_what_looks_like_a_log_and_is_not_read_stops_the_step(log, tmp_path):
    component = SequenceExampleGen(data=DataConfig(path=str(log)), rejected_dir=str(tmp_path / "r"), code_version="1")
    (log / "part-9.jsonl").write_text("{}\n")
    (log / "old").mkdir()
    (log / "old" / "part-0.csv").write_text(HEADER)
    with pytest.raises(LogError, match=r"would not be read: 2 files \(old/part-0\.csv, part-9\.jsonl\)\. ") as refused:
        execute(dict(component.exec_properties), tmp_path)
    with pytest.raises(LogError) as early:
        SequenceExampleGen(data=DataConfig(path=str(log)), rejected_dir="r", code_version="1")
    assert str(early.value) == str(refused.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("LOG.CSV", "utf16"),
        ("log.csv.zip", "zip"),
        ("log.csv", "zstd"),
        ("log.csv.gz", "bzip2"),
        ("part-00000-of-00001.csv", "cr"),
        ("log.tsv", "parquet"),
        ("events.tfrecord-00000-of-00002", "records"),
    ],
)
def test_files_are_told_by_their_first_bytes(tmp_path, name, form):
    """As the plain reader does, whatever the file's name says."""
    rows = [(f"u{n % 3}", f"i{n}", n) for n in range(12)]
    text = HEADER + "".join(f"{user},{item},{time}\n" for user, item, time in rows)
    folder = tmp_path / "log"
    folder.mkdir()
    write_as(form, folder / name, text, rows)
    data = DataConfig(path=str(folder))
    output, expected = run(data, tmp_path / "tfx"), load_splits(data)
    assert {example.user_id for example in expected.test} == {"u0", "u1", "u2"}
    for split in SPLIT_NAMES:
        assert sorted(output.split(split), key=lambda e: e.user_id) == getattr(expected, split)


def write_as(form: str, file: Path, text: str, rows: list[tuple[str, str, int]]) -> None:
    if form == "parquet":
        columns = dict(zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), file)
    elif form == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("log.csv", text)
    elif form == "records":
        with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
            for user, item, time in rows:
                event = tf.train.Example()
                event.features.feature["user_id"].bytes_list.value.append(user.encode())
                event.features.feature["item_id"].bytes_list.value.append(item.encode())
                event.features.feature["timestamp"].int64_list.value.append(time)
                writer.write(event.SerializeToString())
    else:
        packed = {
            "utf16": text.encode("utf-16"),
            "zstd": pa.compress(text.encode(), "zstd", asbytes=True),
            "bzip2": bz2.compress(text.encode()),
            "cr": text.replace("\n", "\r").encode(),
        }
        file.write_bytes(packed[form])


@pytest.mark.parametrize(
    ("header", "settings", "message"),
    [
        ("user_id,item_id,timestamp,item_id", {}, r"^\S+log\.csv has 2 columns 'item_id'"),
        ("user_id,item,timestamp,x", {"item_column": "user_id"}, r"^data\.user_column and data\.item_column both name"),
        ("user_id\0,item,timestamp,x", {}, r"^The log file \S+log\.csv cannot be read: its first line has NUL bytes"),
    ],
)
def test_columns_that_cannot_be_told_are_one_sentence(tmp_path, header, settings, message):
    (tmp_path / "log.csv").write_text(header + "\nu,a,1,b\n")
    data = DataConfig(path=str(tmp_path / "log.csv"), **settings)
    with pytest.raises(LogError, match=message) as step:
        run(data, tmp_path)
    with pytest.raises(LogError) as plain:
        load_splits(data)
    assert str(step.value) == str(plain.value)


def test_doubtful_ids_are_counted_as_in_memory(tmp_path, caplog):
    rows = "".join(f"NULL,{item},{n}\nu,{item},{n}\n" for n, item in enumerate(["a", "None", "c", "1.0"]))
    (tmp_path / "log.csv").write_text(HEADER + rows)
    data = DataConfig(path=str(tmp_path / "log.csv"))
    with caplog.at_level("INFO", "dimerec_tf.notices"):
        output = run(data, tmp_path / "tfx")
    load_splits(data, tmp_path / "memory")
    summary = json.loads((output.rejected / "summary.json").read_text())
    assert summary == json.loads((tmp_path / "memory" / "summary.json").read_text())
    assert summary["doubtful"]["user id 'NULL', which looks like a missing value"] == 4
    assert summary["doubtful"]["item id 'None', which looks like a missing value"] == 2
    assert any(message.startswith("Ids that may be mistakes") for message in caplog.messages)

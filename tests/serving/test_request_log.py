"""The request log: what is sampled, what is in it, and what a failing disk does."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_serving.apis import predict_pb2

from serving.experiments.exposures import read_exposures
from serving.request_log import files, request_log
from serving.request_log.examples import examples, logged_row
from serving.request_log.files import FILES, LogFiles, read_request_log
from serving.request_log.request_log import RequestLog, is_sampled
from serving.server.errors import ServerStartError
from serving.server.options import ServerOptions
from tests.serving.running import TIMEOUT, serving, until
from tests.serving.test_rest import url
from tests.serving.toy import NAME, request, slow_request

BUCKET = "x-experiment-bucket"


@pytest.fixture(scope="module")
def logged(toy_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a server that was asked over gRPC and REST and then stopped."""
    directory = tmp_path_factory.mktemp("log") / "made"
    with serving(toy_base, ServerOptions(request_log=RequestLog(directory, 1.0))) as stubs:
        first = request([["a", "é"], ["b", ""]], k=np.array([2, 3], np.int32), filter_seen=[True])
        stubs.predictions.Predict(first, timeout=TIMEOUT, metadata=[(BUCKET, "blue"), ("x-user-id", "u1")])
        with pytest.raises(Exception, match="k must lie"):
            stubs.predictions.Predict(request([["a"]], k=[9]), timeout=TIMEOUT)
        stubs.predictions.Predict(slow_request(0.0), timeout=TIMEOUT)
        body = {"instances": [{"history_item_ids": []}]}
        headers = {"X-Experiment-Bucket": "red", "X-User-Id": "u2", "X-Request-Id": "r2"}
        assert requests.post(url(stubs), json=body, headers=headers, timeout=TIMEOUT).status_code == 200
    return directory


def test_rows_hold_question_answer_version_time_and_bucket(logged: Path) -> None:
    rows = list(read_request_log(logged))
    assert [row.history_item_ids for row in rows] == [("a", "é"), ("b",), ()]
    assert [row.item_ids for row in rows] == [("b", "c"), ("a", "c", "d"), ("a", "b", "c")]
    assert rows[1].scores == pytest.approx((7.0, 6.8, 6.7))
    assert [row.k for row in rows] == [2, 3, None]
    assert [row.experiment_bucket for row in rows] == ["blue", "blue", "red"]
    assert [(row.user_id, row.request_id) for row in rows] == [("u1", ""), ("u1", ""), ("u2", "r2")]
    assert {(row.model_name, row.model_version, row.model_version_label) for row in rows} == {(NAME, 7, "")}
    assert all(0 <= time.time() - row.time_micros / 1e6 < 3600 for row in rows)


def test_exposures_are_read_from_it(logged: Path) -> None:
    exposures = read_exposures(sorted(logged.glob(FILES)), "user_id")
    assert dict(exposures.buckets) == {"u1": "blue", "u2": "red"}
    assert set(exposures.impressions.query("unit == 'u2'")["item_id"]) == {"a", "b", "c"}


def test_tfdv_reads_the_files(logged: Path) -> None:
    statistics = tfdv.generate_statistics_from_tfrecord(str(logged / FILES))
    features = {feature.path.step[0]: feature for feature in statistics.datasets[0].features}
    assert statistics.datasets[0].num_examples == 3
    assert features["item_ids"].string_stats.common_stats.tot_num_values == 8
    assert features["history_item_ids"].string_stats.unique == 3
    assert features["scores"].num_stats.max == 7.0
    assert features["k"].num_stats.common_stats.num_missing == 1


def test_nothing_unfinished_is_left(logged: Path) -> None:
    assert len(list(logged.iterdir())) == len(list(logged.glob(FILES))) == 1


def test_the_label_is_logged() -> None:
    asked = request([["a"]])
    asked.model_spec.version_label = "canary"
    response = predict_pb2.PredictResponse()
    response.outputs["item_ids"].CopyFrom(tf.make_tensor_proto([["b", ""]]))
    (row,) = (logged_row(example.SerializeToString()) for example in examples(asked, response, 5, {}))
    assert (row.model_version_label, row.item_ids, row.scores, row.time_micros) == ("canary", ("b",), (), 5)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_share_is_the_rate_and_the_same_everywhere(rate: float) -> None:
    chosen = {number for number in range(5000) if is_sampled(str(number), rate)}
    assert len(chosen) == pytest.approx(5000 * rate, abs=150)
    assert chosen == {number for number in range(5000) if is_sampled(str(number), rate)}
    assert chosen <= {number for number in range(5000) if is_sampled(str(number), min(1.0, rate + 0.1))}


def test_a_request_id_decides_alone(toy_base: Path, tmp_path: Path) -> None:
    ids = [f"id-{number}" for number in range(20)]
    expected = sum(is_sampled(name, 0.5) for name in ids)
    assert 0 < expected < 20
    for directory in (tmp_path / "one", tmp_path / "two"):
        with serving(toy_base, ServerOptions(request_log=RequestLog(directory, 0.5))) as stubs:
            for name in ids:
                stubs.predictions.Predict(request([[name]]), timeout=TIMEOUT, metadata=[("x-request-id", name)])
    one, two = ([row.history_item_ids for row in read_request_log(tmp_path / name)] for name in ("one", "two"))
    assert one == two
    assert len(one) == expected


def test_ids_that_are_not_utf8_are_answered_and_cost_their_own_records_only(
    toy_base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(toy_base, ServerOptions(request_log=RequestLog(tmp_path, 1.0))) as stubs:
        for history in ("a", b"\xff", "b"):
            stubs.predictions.Predict(request([[history]]), timeout=TIMEOUT)
        body, headers = {"instances": [{"history_item_ids": ["c"]}]}, {"X-Request-Id": b"\xff\xfe"}
        assert requests.post(url(stubs), json=body, headers=headers, timeout=TIMEOUT).status_code == 200
    rows = read_request_log(tmp_path)
    assert [row.history_item_ids for row in rows] == [("a",), ("b",), ("c",)]
    assert rows.bad_records == 1
    assert rows.damaged_files == 0
    assert "is no row of a request log: its history_item_ids is not UTF-8" in caplog.text
    assert f"Of the request log in {tmp_path}, 1 records were no rows" in caplog.text


def test_a_damaged_file_costs_what_is_behind_the_damage_and_other_files_are_read(
    logged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (file,) = logged.glob(FILES)
    records = list(tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator())
    for number, bad in enumerate([b"no example", tf.train.Example().SerializeToString()]):
        with tf.io.TFRecordWriter(str(tmp_path / f"requests-{number}.tfrecord.gz"), "GZIP") as writer:
            for record in (records[0], bad, records[1]):
                writer.write(record)
    whole = file.read_bytes()
    (tmp_path / "requests-2.tfrecord.gz").write_bytes(whole[: len(whole) // 2])
    shutil.copy(file, tmp_path / "requests-3.tfrecord.gz")
    rows = read_request_log(tmp_path)
    read = [row.history_item_ids for row in rows]
    assert read[:4] == [("a", "é"), ("b",)] * 2 and read[-3:] == [("a", "é"), ("b",), ()]
    assert (rows.bad_records, rows.damaged_files) == (2, 1)
    assert "2 records were no rows, and 1 of 4 files could not be read to their end" in caplog.text


def test_the_log_is_its_owners_alone(logged: Path, tmp_path: Path) -> None:
    (file,) = logged.glob(FILES)
    assert (logged.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    log = LogFiles(tmp_path, max_bytes=100, max_seconds=1000, count=Counts())
    log.write([b"x"])
    assert [entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()] == [0o600]
    log.complete()


class Counts(dict[str, int]):
    def __call__(self, result: str, rows: int) -> None:
        self[result] = self.get(result, 0) + rows


def test_files_rotate_by_size_and_bear_their_name_when_complete(tmp_path: Path) -> None:
    counts = Counts()
    log = LogFiles(tmp_path, max_bytes=100, max_seconds=1000, count=counts)
    log.write([b"x" * 60])
    assert [file.name[0] for file in tmp_path.iterdir()] == ["."]
    log.write([b"x" * 60])
    log.write([b"x" * 60])
    assert len(list(tmp_path.glob(FILES))) == 1
    log.complete()
    assert len(list(tmp_path.glob(FILES))) == 2
    assert counts == {"written": 3}


def test_files_rotate_by_age(tmp_path: Path) -> None:
    log = LogFiles(tmp_path, max_bytes=1000, max_seconds=0.05, count=Counts())
    log.complete_if_old()
    log.write([b"x"])
    until(lambda: log.complete_if_old() or bool(list(tmp_path.glob(FILES))))


def test_a_full_disk_loses_rows_and_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, counts = tf.io.TFRecordWriter, Counts()
    monkeypatch.setattr(files, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(files.tf.io, "TFRecordWriter", lambda path, options: real("/dev/full", options))
    log = LogFiles(tmp_path, max_bytes=10**9, max_seconds=1000, count=counts)
    log.write([b"x"])
    log.complete()
    log.write([np.random.default_rng(0).bytes(1_000_000)] * 2)
    monkeypatch.setattr(files.tf.io, "TFRecordWriter", real)
    log.write([b"x"])
    log.complete()
    assert counts == {"dropped": 3, "written": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_after_a_failure_the_disk_gets_a_pause(tmp_path: Path) -> None:
    counts = Counts()
    log = LogFiles(tmp_path / "gone", max_bytes=1000, max_seconds=1000, count=counts)
    log.write([b"x"])
    (tmp_path / "gone").mkdir()
    log.write([b"x"])
    log.complete()
    assert counts == {"dropped": 2}


def test_a_lost_directory_fails_no_request(toy_base: Path, tmp_path: Path) -> None:
    directory = tmp_path / "log"
    with serving(toy_base, ServerOptions(request_log=RequestLog(directory, 1.0))) as stubs:
        shutil.rmtree(directory)
        for _ in range(3):
            stubs.predictions.Predict(request([["a"]]), timeout=TIMEOUT)
    assert not directory.exists()


def test_a_full_queue_drops_and_fails_no_request(
    toy_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = Counts()
    monkeypatch.setattr(request_log, "count_logged", dropped)
    log = RequestLog(tmp_path, 1.0)
    log.close()
    log._queue.maxsize = 1
    with serving(toy_base, ServerOptions(request_log=log)) as stubs:
        for _ in range(3):
            stubs.predictions.Predict(request([["a"], ["b"]]), timeout=TIMEOUT)
    assert dropped == {"dropped": 4}


def test_a_directory_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerStartError, match="cannot be written to"):
        RequestLog(tmp_path / "file" / "log", 1.0)

"""Recorded requests run before a version is served."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.server.served_model import State
from serving.server.signature import Signature
from serving.server.warmup import MAX_RECORDS
from tests.serving.running import Stubs, until
from tests.serving.toy import NAME, TOO_LARGE, request, save_toy


def record(message: predict_pb2.PredictRequest) -> bytes:
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=message)
    ).SerializeToString()


def save_with_warmup(base: Path, number: int, records: list[bytes]) -> None:
    """A version that appears with its warm-up file already in it."""
    elsewhere = base.parent / f"{base.name}-making"
    elsewhere.mkdir()
    version = save_toy(elsewhere, number)
    (version / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for text in records:
            writer.write(text)
    version.rename(base / str(number))


def test_recorded_requests_run_before_the_version_is_available(
    own_server: Stubs, own_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, ran = Signature.compute, []

    def observed(
        self: Signature, arrays: dict[str, np.ndarray], aliases: list[str], *rest: float | None
    ) -> dict[str, np.ndarray]:
        ran.append((arrays["k"].tolist(), aliases, own_server.states()[2]))
        return compute(self, arrays, aliases, *rest)

    monkeypatch.setattr(Signature, "compute", observed)
    filtered = request([["b"]], k=np.array([2], np.int32))
    filtered.output_filter.append("item_ids")
    save_with_warmup(own_base, 2, [record(request([["a"]])), record(filtered)])
    until(lambda: own_server.states().get(2) is State.AVAILABLE)
    assert ran == [
        ([3], ["cold_start", "item_ids", "scores"], State.LOADING),
        ([2], ["item_ids"], State.LOADING),
    ]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (
            [record(request([["a"]])), record(request([["a"]], k=np.array([9], np.int32)))],
            f"request 2 of .*{TOO_LARGE}",
        ),
        ([record(request(x=1))], "request 1 of .* failed: .*input"),
        (
            [prediction_log_pb2.PredictionLog(classify_log={}).SerializeToString()],
            "must be a predict_log, got classify",
        ),
        ([b"\xff"], "Record 1 of .* is no PredictionLog"),
        ([record(request([["a"]]))] * (MAX_RECORDS + 1), "more than 1000 warm-up requests"),
    ],
)
def test_a_version_that_cannot_warm_up_is_refused_and_the_old_one_stays(
    own_server: Stubs, own_base: Path, records: list[bytes], reason: str
) -> None:
    save_with_warmup(own_base, 2, records)
    until(lambda: own_server.states().get(2) is State.END)
    status = own_server.server.manager.statuses(NAME)[2]
    assert status.error_code != 0
    assert re.search(reason, status.error_message)
    assert own_server.answered_by() == 1


def test_a_damaged_warmup_file_refuses_the_version(own_server: Stubs, own_base: Path) -> None:
    elsewhere = own_base.parent / "damaged"
    elsewhere.mkdir()
    version = save_toy(elsewhere, 2)
    (version / "assets.extra").mkdir()
    (version / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records at all")
    version.rename(own_base / "2")
    until(lambda: own_server.states().get(2) is State.END)
    assert "is no TFRecord file" in own_server.server.manager.statuses(NAME)[2].error_message
    assert own_server.answered_by() == 1

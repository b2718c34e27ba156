"""Prometheus metrics: names of TF Serving, counts of what was asked."""

from pathlib import Path

import grpc
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from serving.server.batching_options import BatchingOptions
from serving.server.errors import ServerStartError
from serving.server.monitoring import DEFAULT_PATH, metrics_path
from serving.server.options import ServerOptions
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.test_rest import ROW, post
from tests.serving.toy import NAME, request, slow_request

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(stubs: Stubs) -> Samples:
    response = requests.get(f"http://{stubs.rest_address}{DEFAULT_PATH}", timeout=TIMEOUT)
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(response.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


def counted(stubs: Stubs, entrypoint: str, status: str, model: str = NAME, api: str = "predict") -> float:
    labels = {"model_name": model, "API": api, "entrypoint": entrypoint, "status": status}
    return value(scrape(stubs), ":tensorflow:serving:request_count", **labels)


def test_requests_are_counted_by_model_entry_point_and_status(toy_server: Stubs) -> None:
    before = [counted(toy_server, entry, status) for entry in ("GRPC", "REST") for status in ("OK", "INVALID_ARGUMENT")]
    toy_server.predictions.Predict(request([["a"]]), timeout=TIMEOUT)
    with pytest.raises(grpc.RpcError):
        toy_server.predictions.Predict(request([["a"]], k=[9]), timeout=TIMEOUT)
    post(toy_server, {"instances": [ROW]})
    post(toy_server, "no JSON")
    until(lambda: counted(toy_server, "REST", "INVALID_ARGUMENT") > before[3])
    after = [counted(toy_server, entry, status) for entry in ("GRPC", "REST") for status in ("OK", "INVALID_ARGUMENT")]
    assert after == [count + 1 for count in before]


def test_made_up_model_names_make_no_series(toy_server: Stubs) -> None:
    before = counted(toy_server, "REST", "NOT_FOUND", model="")
    post(toy_server, {"instances": [ROW]}, name="made-up")
    until(lambda: counted(toy_server, "REST", "NOT_FOUND", model="") == before + 1)
    assert not any("made-up" in str(labels) for _, labels in scrape(toy_server))


def test_other_methods_are_counted_too(toy_server: Stubs) -> None:
    before = counted(toy_server, "REST", "UNIMPLEMENTED", api="classify")
    post(toy_server, {}, rest=":classify")
    assert counted(toy_server, "REST", "UNIMPLEMENTED", api="classify") == before + 1


def test_a_late_answer_counts_as_deadline_exceeded(own_server: Stubs) -> None:
    before = counted(own_server, "GRPC", "DEADLINE_EXCEEDED")
    with pytest.raises(grpc.RpcError):
        own_server.predictions.Predict(slow_request(0.5), timeout=0.2)
    until(lambda: counted(own_server, "GRPC", "DEADLINE_EXCEEDED") == before + 1)


def test_a_rest_time_out_counts_as_deadline_exceeded(toy_base: Path) -> None:
    with serving(toy_base, ServerOptions(rest_timeout_seconds=0.1)) as stubs:
        before = counted(stubs, "REST", "DEADLINE_EXCEEDED")
        assert post(stubs, {"signature_name": "slow", "inputs": 5.0}).status_code == 504
        assert counted(stubs, "REST", "DEADLINE_EXCEEDED") == before + 1


def test_latency_graph_time_and_batch_size_are_histograms(toy_server: Stubs) -> None:
    latency, graph = ":tensorflow:serving:request_latency", ":tensorflow:core:graph_run"
    batch = ":tensorflow:serving:batching_session:processed_batch_size"
    labels = {"model_name": NAME, "API": "predict", "entrypoint": "GRPC"}

    def growth() -> list[float]:
        before = scrape(toy_server)
        toy_server.predictions.Predict(request([["a"], ["b"], ["c"]]), timeout=TIMEOUT)
        toy_server.predictions.Predict(slow_request(0.05), timeout=TIMEOUT)
        after = scrape(toy_server)

        def grown(name: str, **labels: str) -> float:
            return value(after, name, **labels) - value(before, name, **labels)

        graph_time = grown(f"{graph}_time_usecs")
        return [
            grown(f"{latency}_count", **labels),
            grown(f"{latency}_bucket", le="+Inf", **labels),
            grown(f"{latency}_sum", **labels) > graph_time >= 50_000,
            grown(f"{graph}s"),
            grown(f"{graph}_time_usecs_histogram_count"),
            grown(f"{batch}_bucket", le="2.0"),
            grown(f"{batch}_bucket", le="4.0"),
            grown(f"{batch}_sum"),
        ]

    # Again if a call that an earlier test gave up ends meanwhile: the counts are the process's.
    until(lambda: growth() == [2, 2, True, 2, 2, 1, 2, 4])


def test_versions_and_failed_loads_are_shown(own_server: Stubs, own_base: Path) -> None:
    broken = own_base / "2"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no model")
    state = "dimerec_serving_model_version_state"
    until(lambda: value(scrape(own_server), state, model_name=NAME, version="2", state="END") == 1)
    samples = scrape(own_server)
    assert value(samples, state, model_name=NAME, version="1", state="AVAILABLE") == 1
    attempts = ":tensorflow:cc:saved_model:load_attempt_count"
    assert value(samples, attempts, model_path=str(own_base / "1"), status="success") == 1
    assert value(samples, attempts, model_path=str(broken), status="fail") >= 1
    assert value(samples, ":tensorflow:cc:saved_model:load_latency", model_path=str(own_base / "1")) > 0


def test_the_queue_is_what_waits_for_a_thread(own_server: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [own_server.predictions.Predict.future(slow_request(0.3), timeout=TIMEOUT) for _ in range(20)]
    executor = own_server.server.rest._application.settings["services"].gate
    until(lambda: executor.waiting == 4)
    for call in calls:
        call.result()
    assert value(scrape(own_server), "dimerec_serving_queue_length") == 0


def test_rows_that_wait_for_a_batch_are_shown(toy_base: Path) -> None:
    options = BatchingOptions(max_batch_size=2, batch_timeout_micros=10**9)
    with serving(toy_base, ServerOptions(batching=options)) as stubs:
        call = stubs.predictions.Predict.future(request([["a"]]), timeout=TIMEOUT)
        until(lambda: value(scrape(stubs), "dimerec_serving_batching_queue_rows") == 1)
        stubs.predictions.Predict(request([["a"]]), timeout=TIMEOUT)
        assert call.result().model_spec.version.value == 7
        assert value(scrape(stubs), "dimerec_serving_batching_queue_rows") == 0


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", DEFAULT_PATH),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_the_file_has_tf_servings_form(tmp_path: Path, text: str, path: str | None) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert metrics_path(file) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prometheus_config { enabled: true }", "enabled"),
        ('prometheus_config { path: "metrics" }', 'must start with "/"'),
        ('prometheus_config { path: "/v1/models/x" }', 'not with "/v1/"'),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "monitoring.config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServerStartError, match=message):
        metrics_path(file)

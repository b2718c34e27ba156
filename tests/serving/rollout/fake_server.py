"""A model server without models: TF Serving's rules for configs and labels, and its metrics page."""

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

NAME = "dimerec"
_State = get_model_status_pb2.ModelVersionStatus


def model_config(*versions: int, **labels: int) -> model_server_config_pb2.ModelServerConfig:
    """The config of one model with these versions and labels, and of another that nobody may touch."""
    config = model_server_config_pb2.ModelServerConfig()
    model = config.model_config_list.config.add(name=NAME, base_path="/models/dimerec", model_platform="tensorflow")
    model.model_version_policy.specific.versions[:] = versions
    for label, version in labels.items():
        model.version_labels[label] = version
    other = config.model_config_list.config.add(name="other", base_path="/models/other", model_platform="tensorflow")
    other.model_version_policy.latest.num_versions = 2
    return config


@dataclass
class Traffic:
    """What happens to the counters at every look at the metrics: requests by status, and where their latency lies."""

    statuses: dict[str, int] = field(default_factory=lambda: {"OK": 100, "INVALID_ARGUMENT": 5})
    milliseconds: float = 8.0


class FakeServer(model_service_pb2_grpc.ModelServiceServicer, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Loads at once what its config asks for, unless told otherwise.

    Attributes:
        on_disk: versions that exist.
        first_traffic: what the first looks at the metrics find instead of `traffic`.
        broken: versions that fail to load, with the reason.
        refuse_from: the reload, counted from 1, from which on all are refused.
        history: (served versions, labels) after each reload.
        gaps: labels that lost their version while they still stood for it.
    """

    def __init__(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        self.on_disk = {1, 2, 3}
        self.broken: dict[int, str] = {}
        self.refuse_from: int | None = None
        self.traffic = Traffic()
        self.first_traffic: list[Traffic] = []
        self.history: list[tuple[list[int], dict[str, int]]] = []
        self.gaps: list[str] = []
        self.reloads = 0
        self.metrics_page: str | None = None
        self._counts: dict[str, int] = {}
        self._served: set[int] = set()
        self._labels: dict[str, int] = {}
        self.config = config
        self.restart()

    def restart(self) -> None:
        """Begins anew with the config it was started with."""
        self.start_with(self.config)
        self._counts = {}

    def start_with(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        model = config.model_config_list.config[0]
        self._served = set(model.model_version_policy.specific.versions) & self.on_disk
        self._labels = dict(model.version_labels)

    def now(self) -> tuple[list[int], dict[str, int]]:
        return sorted(self._served), dict(self._labels)

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        self.reloads += 1
        if self.refuse_from is not None and self.reloads >= self.refuse_from:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no reloads today")
        model, other = request.config.model_config_list.config
        assert (other.name, other.model_version_policy.latest.num_versions) == ("other", 2)
        wanted = set(model.model_version_policy.specific.versions)
        self.gaps += [label for label, version in self._labels.items() if version in self._served - wanted]
        self._served = {version for version in wanted if version in self.on_disk and version not in self.broken}
        missing = set(model.version_labels.values()) - self._served
        if missing:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"a label stands for {missing}, which is not available")
        self._labels = dict(model.version_labels)
        self.history.append(self.now())
        return model_management_pb2.ReloadConfigResponse()

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        version = request.model_spec.version.value
        answer = get_model_status_pb2.GetModelStatusResponse()
        if version in self._served:
            answer.model_version_status.add(version=version, state=_State.AVAILABLE)
        elif version in self.broken:
            failed = answer.model_version_status.add(version=version, state=_State.END)
            failed.status.error_code, failed.status.error_message = 3, self.broken[version]
        else:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find version {version} of model {NAME}")
        return answer

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        label = request.model_spec.version_label
        assert list(request.metadata_field) == ["signature_def"]
        if label not in self._labels:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = NAME
        answer.model_spec.version.value = self._labels[label]
        return answer

    def metrics(self) -> str:
        """The page in TF Serving's form; each look finds more requests."""
        traffic = self.first_traffic.pop(0) if self.first_traffic else self.traffic
        for status, count in traffic.statuses.items():
            self._counts[status] = self._counts.get(status, 0) + count
        if self.metrics_page is not None:
            return self.metrics_page
        counts = [
            f':tensorflow:serving:request_count{{model_name="{model}",status="{status}"}} {count}'
            for status, count in self._counts.items()
            for model in (NAME, "other")
        ]
        total = sum(self._counts.values())
        edges = [("1000", 1000.0), ("10000", 1e4), ("100000", 1e5), ("1e+06", 1e6), ("+Inf", float("inf"))]
        labels = f'model_name="{NAME}",API="predict",entrypoint="GRPC"'
        buckets = [
            f':tensorflow:serving:request_latency_bucket{{{labels},le="{text}"}} '
            f"{total if self.traffic.milliseconds * 1000 <= edge else 0}"
            for text, edge in edges
        ]
        return "\n".join(
            [
                "# TYPE :tensorflow:serving:request_count counter",
                *counts,
                "# TYPE :tensorflow:serving:request_latency histogram",
                *buckets,
                f":tensorflow:serving:request_latency_sum{{{labels}}} {total * self.traffic.milliseconds * 1000}",
                f":tensorflow:serving:request_latency_count{{{labels}}} {total}",
                "",
            ]
        )


@dataclass
class Running:
    """A fake server on its ports."""

    fake: FakeServer
    address: str
    metrics_url: str
    grpc_server: grpc.Server
    http_server: ThreadingHTTPServer

    def stop_grpc(self) -> None:
        self.grpc_server.stop(0).wait()

    def stop_http(self) -> None:
        self.http_server.shutdown()
        self.http_server.server_close()


@contextmanager
def running(config: model_server_config_pb2.ModelServerConfig) -> Iterator[Running]:
    fake = FakeServer(config)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/monitoring/prometheus/metrics" else 404)
            self.end_headers()
            self.wfile.write(fake.metrics().encode())

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output quiet."""

    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(fake, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=http_server.serve_forever, args=(0.05,))
    thread.start()
    url = f"http://127.0.0.1:{http_server.server_port}/monitoring/prometheus/metrics"
    one = Running(fake, f"127.0.0.1:{port}", url, server, http_server)
    try:
        yield one
    finally:
        one.stop_http()
        thread.join()
        one.stop_grpc()

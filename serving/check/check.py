"""Serves exports with `dimerec serve`, in a process of its own, and says what is against pushing them."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from dimerec_tf.config_pipeline_steps import ServingCheckConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.servable import Finding, ServingTask, ServingVerdict
from serving.check.answers import Judge, warmup_requests
from serving.client.access import OPEN
from serving.loadtest.load import run_load
from serving.loadtest.requests import predict_requests
from serving.server_process import ServerProcess, free_port

BYTES_OF_MEGABYTE = 1e6


def check_exports(task: ServingTask) -> ServingVerdict:
    """Serves all exports in one process, as version 1 of a model each; see `ServingCheckConfig` for what is asked.

    Where the server does not start, or does not serve the first one, nothing is asked of any.
    """
    exports = {name: Path(export) for name, export in task.exports.items()}
    with TemporaryDirectory() as folder:
        (first, base), *others = ((name, _as_version(export, Path(folder) / name)) for name, export in exports.items())
        further = [option for name, other in others for option in ("--model", f"{name}={other}")]
        server = ServerProcess(base, first, free_port(), free_port(), Path(task.log), further)
        try:
            server.start()
            findings = {name: _served(name, export, server.address, task) for name, export in exports.items()}
        except DimeRecError as error:
            findings = {name: _unserved(export, str(error), task.limits) for name, export in exports.items()}
        finally:
            server.kill()
    return ServingVerdict(findings=findings)


def _as_version(export: Path, base: Path) -> Path:
    base.mkdir()
    (base / "1").symlink_to(export.resolve())
    return base


def _unserved(export: Path, reason: str, limits: ServingCheckConfig) -> Finding:
    megabytes = _megabytes(export)
    return Finding(megabytes=megabytes, reasons=(*_against_size(megabytes, limits), reason))


def _served(name: str, export: Path, address: str, task: ServingTask) -> Finding:
    requests = predict_requests(name, task.histories, task.k)
    asked = [*warmup_requests(export, name), *map(predict_pb2.PredictRequest.FromString, requests)]
    with OPEN.channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        faults = Judge(export).count_faults(stub, asked)
    load = run_load(address, requests, task.limits.concurrency, task.limits.seconds)
    megabytes, times = _megabytes(export), load.row()
    reasons = (
        *_against_size(megabytes, task.limits),
        *(f"{count} of {len(asked)} answers {fault}." for fault, count in faults.items()),
        *(f"{count} calls under load failed with {status}." for status, count in load.failures.items()),
        *_against_speed(times["p99_ms"], task.limits),
    )
    return Finding(
        megabytes=megabytes, answers=len(asked), p50_ms=times["p50_ms"], p99_ms=times["p99_ms"], reasons=reasons
    )


def _megabytes(export: Path) -> float:
    return sum(file.stat().st_size for file in export.rglob("*") if file.is_file()) / BYTES_OF_MEGABYTE


def _against_size(megabytes: float, limits: ServingCheckConfig) -> Iterator[str]:
    if limits.max_megabytes is not None and megabytes > limits.max_megabytes:
        yield f"It has {megabytes:.1f} MB, and steps.serving_check.max_megabytes is {limits.max_megabytes:g}."


def _against_speed(p99_ms: float | None, limits: ServingCheckConfig) -> Iterator[str]:
    if p99_ms is None:
        yield f"No call was answered in {limits.seconds:g} seconds."
    elif p99_ms > limits.max_p99_ms:
        yield f"The p99 of its calls is {p99_ms:.1f} ms, and steps.serving_check.max_p99_ms is {limits.max_p99_ms:g}."

"""Servers in processes of their own, as they run beside a client on one machine."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from dimerec_tf.errors import DimeRecError
from serving.benchmark.exports import DIM, Case, Exports
from serving.client.access import OPEN
from serving.loadtest.load import run_load
from serving.loadtest.requests import check_answered, predict_requests
from serving.server_process import START_SECONDS, ServerProcess, free_port

MODEL = "dimerec"
K = 10
BATCHING = """max_batch_size { value: 32 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
pad_variable_length_inputs: true
"""


class Serving(NamedTuple):
    """An export, how it is served, and the size of its model, see `exports.SIZES`."""

    case: Case
    batching: bool = True
    dim: int = DIM

    def __str__(self) -> str:
        return f"{self.case}-dim-{self.dim}{'' if self.batching else '-unbatched'}"


def load_rows(
    exports: Exports, serving: Serving, concurrencies: Sequence[int], seconds: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measures an export under load: a row for each concurrency."""
    case, rows = serving.case, []
    requests = predict_requests(MODEL, exports.history_ids(case.catalogue), K)
    base = exports.base_path(case)
    with running_server(base, serving.batching) as address:
        check_answered(address, requests[0])
        for concurrency in concurrencies:
            row = run_load(address, requests, concurrency, seconds).row()
            say(f"{serving}, concurrency {concurrency}: {row['qps']} requests/s, p50 {row['p50_ms']} ms")
            rows.append({**asdict(case), "dim": serving.dim, "batching": serving.batching, **row})
    return rows


@contextmanager
def running_server(base: Path, batching: bool) -> Iterator[str]:
    """`dimerec serve` for the time of the block; gives its address."""
    options: list[str] = []
    if batching:
        file = base.parent / "batching.config"
        file.write_text(BATCHING)
        options = ["--enable-batching", "--batching-parameters-file", str(file)]
    server = ServerProcess(base, MODEL, free_port(), free_port(), base.parent / "server.log", options)
    server.start()
    try:
        yield server.address
    finally:
        server.terminate()


@contextmanager
def running_echo(log: Path) -> Iterator[str]:
    """A server that only sends bytes back, see `echo`."""
    port = free_port()
    with log.open("w") as output:
        command = [sys.executable, "-m", "serving.benchmark.echo", "--port", str(port)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        with OPEN.channel(f"127.0.0.1:{port}") as channel:
            try:
                grpc.channel_ready_future(channel).result(START_SECONDS)
            except grpc.FutureTimeoutError:
                raise DimeRecError(f"The echo did not start within {START_SECONDS:g} s: see {log}.") from None
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()

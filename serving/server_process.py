"""`dimerec serve` as a process of its own."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from dimerec_tf.errors import DimeRecError
from serving.client.access import OPEN

START_SECONDS = 600.0  # on a busy machine


class ServerProcess:
    """Serves the versions under a directory until it is killed, and can be started again.

    Args:
        base: the directory of versions.
        name: of the model.
        port: for gRPC.
        rest_port: for REST.
        log: where what it prints goes.
        options: further ones of `dimerec serve`.
    """

    def __init__(
        self, base: Path, name: str, port: int, rest_port: int, log: Path, options: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.rest_address = f"127.0.0.1:{rest_port}"
        self._log = log
        self._command = [
            *(sys.executable, "-c", "from dimerec_tf.cli.main import run; run()", "serve"),
            *("--model-base-path", str(base), "--model-name", name),
            *("--port", str(port), "--rest-api-port", str(rest_port)),
            *options,
        ]

    def start(self) -> None:
        """Starts it and waits until its model answers.

        Raises:
            DimeRecError: it ended, or did not answer in time.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            self._check_serving()
        except grpc.RpcError as error:
            self._process.kill()
            raise DimeRecError(f"The server did not start; see {self._log}.") from error

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        self._process.terminate()
        return self._process.wait(timeout=START_SECONDS)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    @retry(
        retry=retry_if_exception_type(grpc.RpcError),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(START_SECONDS),
        reraise=True,
    )
    def _check_serving(self) -> None:
        if not self.is_running:
            raise DimeRecError(f"The server ended by itself; see {self._log}.")
        with OPEN.channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest(service=self.name)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise DimeRecError(f"The server serves no version of {self.name}; see {self._log}.")


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

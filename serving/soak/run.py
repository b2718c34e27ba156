"""The schedule: what is done to the server when."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc

from dimerec_tf.errors import DimeRecError
from serving.server_process import ServerProcess
from serving.soak.exports import NAME, Exports
from serving.soak.faults import Faults
from serving.soak.memory import MemoryWatch
from serving.soak.report import Record
from serving.soak.traffic import Traffic

QUIET_SECONDS = 5.0
SETTLING_SECONDS = 5.0  # after a start, not counted as steady
SWAPS = 3  # in each round


def soak(folder: Path, port: int, rest_port: int, seconds: float, say: Callable[[str], None]) -> Record:
    """Runs a server, asks it without pause, and does to it what may happen to it, round after round.

    The first round and the last end with kill -9; between them one process has to last.

    Args:
        folder: an empty directory for exports, versions and the server's log.
        port: for gRPC.
        rest_port: for REST.
        seconds: after which no new round begins.
        say: is told what was done to the server, as it is done.

    Raises:
        DimeRecError: the server did not start at all.
    """
    exports = Exports(folder)
    server = ServerProcess(exports.base, NAME, port, rest_port, folder / "server.log")
    server.start()
    traffic, memory = Traffic(server.address, server.rest_address, exports), MemoryWatch(server)
    faults = Faults(server, exports, say)
    started = time.monotonic()
    traffic.start()
    memory.start()
    try:
        _rounds(faults, started + seconds)
    except (DimeRecError, grpc.RpcError, OSError) as error:  # it stays in the record, with all that came before
        faults.problems.append(f"The soak ended early: {error}")
    ended, outcomes, samples, survived = time.monotonic(), traffic.stop(), memory.stop(), server.is_running
    server.kill()
    return Record(started, ended, outcomes, faults.events, samples, faults.refusals, faults.problems, survived)


def _rounds(faults: Faults, end: float) -> None:
    faults.settle(SETTLING_SECONDS)
    _round(faults, 0)
    faults.kill()
    faults.settle(SETTLING_SECONDS)
    number = 1
    while time.monotonic() < end:
        _round(faults, number)
        number += 1
    faults.kill()
    faults.settle(SETTLING_SECONDS)


def _round(faults: Faults, number: int) -> None:
    for _ in range(SWAPS):
        faults.quiet(QUIET_SECONDS)
        faults.swap()
    for fault in (faults.corrupt, faults.delete, faults.connections, faults.greedy, lambda: faults.malformed(number)):
        fault()
        faults.quiet(QUIET_SECONDS)

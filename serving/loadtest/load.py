"""Keeps a server busy with a fixed number of callers, and times what they get."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import grpc.aio
import numpy as np

from serving.client.access import OPEN, Access

PREDICT = "/tensorflow.serving.PredictionService/Predict"
WARM_UP_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True)
class Load:
    """What callers got.

    Attributes:
        concurrency: how many asked at the same time, each again as soon as it had an answer.
        qps: answers per second.
        latencies_ms: milliseconds of each answered call.
        failures: calls that were not answered, by gRPC status.
    """

    concurrency: int
    qps: float
    latencies_ms: Sequence[float]
    failures: Mapping[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """For a JSON file: quantiles are None where nothing was answered."""
        quantiles = {
            name: round(float(np.quantile(self.latencies_ms, share)), 3) if self.latencies_ms else None
            for name, share in QUANTILES.items()
        }
        return {
            "concurrency": self.concurrency,
            "qps": round(self.qps, 1),
            **quantiles,
            "failures": dict(self.failures),
        }


def run_load(
    address: str,
    requests: Sequence[bytes],
    concurrency: int,
    seconds: float,
    on_tick: Callable[[float], None] = lambda _: None,
    access: Access = OPEN,
) -> Load:
    """Sends requests in turn for a time, after one second that does not count; each has ten seconds to be answered.

    The callers share one thread (gRPC's asyncio) and neither write nor read messages: on a machine that also runs the
    server, they take as little from it as may be.

    Args:
        address: `host:port`.
        requests: serialised `PredictRequest` messages.
        concurrency: how many callers.
        seconds: how long.
        on_tick: is told, about ten times a second, how many seconds have passed.
        access: TLS and token.
    """
    return asyncio.run(_load(address, itertools.cycle(requests), concurrency, seconds, on_tick, access))


async def _load(
    address: str,
    requests: Iterator[bytes],
    concurrency: int,
    seconds: float,
    on_tick: Callable[[float], None],
    access: Access,
) -> Load:
    metadata = access.metadata()
    async with access.aio_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        predict = channel.unary_unary(PREDICT)
        started = perf_counter() + WARM_UP_SECONDS
        end = started + seconds
        latencies: list[float] = []
        failures: Counter[str] = Counter()

        async def ask() -> None:
            while (sent := perf_counter()) < end:
                try:
                    await predict(next(requests), timeout=TIMEOUT_SECONDS, metadata=metadata)
                except grpc.aio.AioRpcError as error:
                    failures[error.code().name] += sent >= started
                    continue
                if sent >= started:
                    latencies.append((perf_counter() - sent) * 1e3)

        callers = asyncio.gather(*(ask() for _ in range(concurrency)))
        while not callers.done():
            on_tick(max(0.0, perf_counter() - started))
            await asyncio.wait([callers], timeout=0.1)
        await callers
        return Load(concurrency, len(latencies) / (perf_counter() - started), latencies, +failures)

"""Moves the canary label to a version, watches it, then makes it stable or takes it back.

Nothing is stored outside the servers: a rollout that was killed is started again and reads where it was.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from tensorflow_serving.config import model_server_config_pb2

from dimerec_tf.errors import DimeRecError
from serving.rollout.errors import RolloutError
from serving.rollout.metrics import LATENCY, Health, MetricsWatch
from serving.rollout.model_config import CANARY, STABLE, with_versions
from serving.rollout.plan import Plan
from serving.rollout.server import ModelServer
from serving.rollout.settings import RolloutSettings

POLL_SECONDS = 0.5
Result = Literal["promoted", "rolled_back", "unfinished"]
Progress = Callable[[float, Health], None]
OnlineCheck = Callable[[], str | None]


@dataclass(frozen=True)
class Outcome:
    """How a rollout ended.

    Attributes:
        result: `unfinished` if a server could not be brought to a known state.
        reason: one sentence.
        health: what was measured during the bake, None without one.
        config: what a server must be started with to serve the same; None if unfinished.
    """

    result: Result
    reason: str
    health: Health | None
    config: model_server_config_pb2.ModelServerConfig | None


class Rollout:
    """One rollout over all servers of a model.

    Args:
        servers: all that serve the model.
        config: theirs, in which only this model's versions and labels change.
        plan: what to do.
        settings: limits.
    """

    def __init__(
        self,
        servers: Sequence[ModelServer],
        config: model_server_config_pb2.ModelServerConfig,
        plan: Plan,
        settings: RolloutSettings,
    ) -> None:
        self._servers = servers
        self._config = config
        self._plan = plan
        self._settings = settings
        self._health: Health | None = None

    def run(self, watch: MetricsWatch, progress: Progress, online: OnlineCheck | None = None) -> Outcome:
        """Goes through the plan to its end.

        Args:
            watch: of the servers' metrics.
            progress: told the seconds of the bake and what was measured, at every look.
            online: asked once after the bake for a sentence that speaks against the version, None if nothing does.
        """
        if self._plan.action == "finish":
            return self._promote(f"Version {self._plan.version} was promoted already.")
        try:
            if self._plan.action == "start":
                self._begin()
            against = self._bake(watch, progress) or (online() if online else None)
        except DimeRecError as error:
            against = str(error)
        if against:
            return self.roll_back(against)
        return self._promote(f"Version {self._plan.version} stayed within the limits.")

    def roll_back(self, reason: str) -> Outcome:
        """Gives the canary label back to the stable version and unloads the other, on every server that answers."""
        stable, final = self._plan.stable, self._with([self._plan.stable], self._plan.stable)
        lost = []
        for server in self._servers:
            try:
                # Labels move while both versions are loaded, so that no request finds neither.
                if server.labelled(CANARY) not in (None, stable):
                    server.reload(self._with([stable, self._plan.version], stable))
                server.reload(final)
            except RolloutError as error:
                if not self._untouched(server):
                    lost.append(str(error))
        if lost:
            return Outcome("unfinished", f"{reason} Rolling back failed: {' '.join(lost)}", self._health, None)
        return Outcome("rolled_back", reason, self._health, final)

    def _begin(self) -> None:
        stable, version = self._plan.stable, self._plan.version
        for server in self._servers:
            server.reload(self._with([stable, version], stable))
        for server in self._servers:
            self._wait_until_loaded(server)
        for server in self._servers:
            server.reload(self._with([stable, version], stable, canary=version))

    def _wait_until_loaded(self, server: ModelServer) -> None:
        version, seconds = self._plan.version, self._settings.load_seconds
        deadline = time.monotonic() + seconds
        failures = 0
        while True:
            state = server.state(version)
            if state.name == "AVAILABLE":
                return
            # The failure of an earlier attempt may still be listed when a new one begins.
            failures = failures + 1 if state.failure else 0
            if failures > 1:
                raise RolloutError(f"{server.address} could not load version {version}: {state.failure}")
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{server.address} did not load version {version} within {seconds:g} s; its state is {state.name}. "
                    "Does its directory exist under the model's base path?"
                )
            time.sleep(POLL_SECONDS)

    def _bake(self, watch: MetricsWatch, progress: Progress) -> str | None:
        """Why the version must not be promoted, None if it may."""
        begin = time.monotonic()
        watch.restart()
        while True:
            left = begin + self._settings.bake_seconds - time.monotonic()
            time.sleep(max(0.0, min(self._settings.interval_seconds, left)))
            over = left <= self._settings.interval_seconds
            self._health = watch.update()
            progress(min(time.monotonic() - begin, self._settings.bake_seconds), self._health)
            against = self._moved_labels() or objection(self._health, self._settings, over)
            if against or over:
                return against

    def _moved_labels(self) -> str | None:
        """A server that restarted has its old config again."""
        for server in self._servers:
            if server.labelled(CANARY) != self._plan.version or server.labelled(STABLE) != self._plan.stable:
                return f"{server.address} lost its labels during the bake: it was restarted, or given another config."
        return None

    def _promote(self, reason: str) -> Outcome:
        version, final = self._plan.version, self._with([self._plan.version], self._plan.version)
        try:
            for server in self._servers:
                # Labels move while both versions are loaded, so that no request finds neither.
                if server.labelled(STABLE) != version:
                    server.reload(self._with([self._plan.stable, version], version))
            for server in self._servers:
                server.reload(final)
        except RolloutError as error:
            return Outcome("unfinished", f"{reason} Promoting it failed: {error}", self._health, None)
        return Outcome("promoted", reason, self._health, final)

    def _untouched(self, server: ModelServer) -> bool:
        """Whether a server that refuses to be rolled back serves what it did before."""
        try:
            labels = server.labelled(STABLE), server.labelled(CANARY)
        except RolloutError:
            return False
        return labels[0] == self._plan.stable and labels[1] in (None, self._plan.stable)

    def _with(
        self, versions: Sequence[int], stable: int, canary: int | None = None
    ) -> model_server_config_pb2.ModelServerConfig:
        return with_versions(self._config, self._servers[0].model_name, versions, stable, canary or stable)


def objection(health: Health, settings: RolloutSettings, over: bool) -> str | None:
    """What speaks against a version after what was measured so far, None if nothing does.

    Args:
        health: since the bake began.
        settings: limits.
        over: whether the bake time has passed.
    """
    if health.requests < settings.min_requests:
        few = f"Only {health.requests} requests came during the bake, {settings.min_requests} are needed to judge."
        return f"{few} Bake longer, or send the canary more traffic." if over else None
    if health.error_rate > settings.max_error_rate:
        return (
            f"{health.errors} of {health.requests} requests failed by the server's fault ({health.error_rate:.2%}); "
            f"{settings.max_error_rate:.2%} is the limit."
        )
    if isnan(health.p99_ms):
        return f"No latency was measured: the metrics have no {LATENCY} of this model."
    if health.p99_ms > settings.max_p99_ms:
        return f"The 99th percentile of the latency is {health.p99_ms:.1f} ms; {settings.max_p99_ms:g} ms is the limit."
    return None

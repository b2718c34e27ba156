"""A version is promoted, or taken back for every reason there is."""

from collections.abc import Callable, Sequence

import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.metrics import Health, MetricsWatch
from serving.rollout.plan import make_plan, plan_abort
from serving.rollout.rollout import OnlineCheck, Outcome, Rollout
from serving.rollout.server import ModelServer
from serving.rollout.settings import RolloutSettings
from tests.serving.rollout.fake_server import NAME, Running, Traffic, model_config

LONG, SHORT = 60.0, 0.05
BEFORE, AFTER = ([1], {"stable": 1, "canary": 1}), ([2], {"stable": 2, "canary": 2})
BAKING = ([1, 2], {"stable": 1, "canary": 2})


class Killed(BaseException):
    """Ends a rollout as a signal would."""


def roll_out(
    servers: Sequence[Running],
    bake_seconds: float = SHORT,
    progress: Callable[[float, Health], None] = lambda *_: None,
    online: OnlineCheck | None = None,
    version: int = 2,
) -> Outcome:
    settings = RolloutSettings(bake_seconds=bake_seconds, interval_seconds=0.01, load_seconds=0.2, min_requests=100)
    clients = [ModelServer(each.address, NAME) for each in servers]
    watch = MetricsWatch([each.metrics_url for each in servers], NAME)
    try:
        work = Rollout(clients, model_config(1, stable=1, canary=1), make_plan(clients, version), settings)
        return work.run(watch, progress, online)
    finally:
        watch.close()
        for client in clients:
            client.close()


def abort(servers: Sequence[Running]) -> Outcome:
    clients = [ModelServer(each.address, NAME) for each in servers]
    try:
        work = Rollout(clients, model_config(1, stable=1, canary=1), plan_abort(clients), RolloutSettings())
        return work.roll_back("Aborted as asked.")
    finally:
        for client in clients:
            client.close()


def states(servers: Sequence[Running]) -> list[tuple[list[int], dict[str, int]]]:
    assert not any(each.fake.gaps for each in servers), "a label stood for a version that was unloaded"
    return [each.fake.now() for each in servers]


def test_a_healthy_version_is_promoted(pair: list[Running]) -> None:
    seen: list[Health] = []
    outcome = roll_out(pair, progress=lambda _, health: seen.append(health))
    assert outcome.result == "promoted"
    assert states(pair) == [AFTER, AFTER]
    assert outcome.config == model_config(2, stable=2, canary=2)
    loaded = ([1, 2], {"stable": 1, "canary": 1})
    moved = ([1, 2], {"stable": 2, "canary": 2})
    assert [each.fake.history for each in pair] == [[loaded, BAKING, moved, AFTER]] * 2
    assert outcome.health == seen[-1]
    assert seen[0].requests == 210 and seen[0].errors == 0, "two servers, one look, each 105 requests"


def test_requests_of_before_the_bake_do_not_count(pair: list[Running]) -> None:
    pair[0].fake.first_traffic = [Traffic(), Traffic({"INTERNAL": 10_000})]
    outcome = roll_out(pair)
    assert outcome.result == "promoted"
    assert not pair[0].fake.first_traffic, "the errors came between the first look and the bake"
    assert outcome.health is not None and outcome.health.errors == 0


def test_errors_take_it_back_at_once(pair: list[Running]) -> None:
    pair[1].fake.traffic = Traffic({"OK": 200, "INTERNAL": 4, "UNAVAILABLE": 1, "NOT_FOUND": 50})
    outcome = roll_out(pair, LONG)
    assert outcome.result == "rolled_back"
    assert "5 of 360 requests failed by the server's fault (1.39%); 1.00% is the limit" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]
    assert outcome.config == model_config(1, stable=1, canary=1)
    assert BAKING in pair[0].fake.history


def test_what_clients_do_wrong_is_not_the_versions_fault(pair: list[Running]) -> None:
    for each in pair:
        each.fake.traffic = Traffic({"OK": 100, "INVALID_ARGUMENT": 90, "NOT_FOUND": 90, "CANCELLED": 5})
    assert roll_out(pair).result == "promoted"


def test_latency_takes_it_back_at_once(pair: list[Running]) -> None:
    pair[0].fake.traffic = Traffic(milliseconds=400)
    outcome = roll_out(pair, LONG)
    assert outcome.result == "rolled_back"
    assert "99th percentile of the latency is 982.0 ms; 100 ms is the limit" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]


def test_latency_off_the_scale_takes_it_back(pair: list[Running]) -> None:
    pair[0].fake.traffic = Traffic(milliseconds=5000)
    assert "latency is inf ms" in roll_out(pair, LONG).reason


def test_too_few_requests_prove_nothing(pair: list[Running]) -> None:
    for each in pair:
        each.fake.traffic = Traffic({"OK": 0})
    outcome = roll_out(pair)
    assert outcome.result == "rolled_back"
    assert "Only 0 requests came during the bake, 100 are needed" in outcome.reason


def test_fewer_clicks_take_it_back(pair: list[Running]) -> None:
    outcome = roll_out(pair, online=lambda: "The CTR of new is lower.")
    assert (outcome.result, outcome.reason) == ("rolled_back", "The CTR of new is lower.")
    assert states(pair) == [BEFORE, BEFORE]


def test_unreadable_clicks_take_it_back(pair: list[Running]) -> None:
    def online() -> str:
        raise RolloutError("No exposures.")

    assert roll_out(pair, online=online).reason == "No exposures."
    assert states(pair) == [BEFORE, BEFORE]


def test_a_version_that_does_not_load_is_taken_back(pair: list[Running]) -> None:
    pair[1].fake.broken[2] = "saved_model.pb is damaged"
    outcome = roll_out(pair)
    assert outcome.result == "rolled_back"
    assert f"{pair[1].address} could not load version 2: saved_model.pb is damaged" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]


def test_a_version_that_does_not_exist_is_taken_back(pair: list[Running]) -> None:
    outcome = roll_out(pair, version=9)
    assert outcome.result == "rolled_back"
    assert "did not load version 9 within 0.2 s; its state is UNKNOWN" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]


@pytest.mark.parametrize("reload", [1, 2])
def test_a_refused_reload_is_rolled_back_or_said(pair: list[Running], reload: int) -> None:
    pair[1].fake.refuse_from = reload
    outcome = roll_out(pair)
    assert "refused the new config (FAILED_PRECONDITION): no reloads today" in outcome.reason
    assert outcome.result == "rolled_back", "its labels never moved"
    assert [each[1] for each in states(pair)] == [BEFORE[1], BEFORE[1]]


def test_a_server_that_refuses_to_roll_back_is_said(pair: list[Running]) -> None:
    pair[0].fake.refuse_from = 3
    pair[0].fake.traffic = Traffic({"INTERNAL": 100})
    outcome = roll_out(pair, LONG)
    assert outcome.result == "unfinished"
    assert outcome.config is None
    assert "Rolling back failed" in outcome.reason and pair[0].address in outcome.reason
    assert states(pair) == [BAKING, BEFORE]


def test_a_server_that_is_gone_leaves_the_others_rolled_back(pair: list[Running]) -> None:
    outcome = roll_out(pair, LONG, progress=lambda *_: pair[0].stop_grpc())
    assert outcome.result == "unfinished"
    assert f"{pair[0].address} does not answer (UNAVAILABLE)" in outcome.reason
    assert pair[1].fake.now() == BEFORE


def test_metrics_that_are_gone_take_it_back(pair: list[Running]) -> None:
    outcome = roll_out(pair, LONG, progress=lambda *_: pair[0].stop_http())
    assert outcome.result == "rolled_back"
    assert f"The metrics at {pair[0].metrics_url} cannot be read" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]


def test_a_server_that_was_restarted_takes_it_back(pair: list[Running]) -> None:
    outcome = roll_out(pair, LONG, progress=lambda *_: pair[1].fake.restart())
    assert outcome.result == "rolled_back"
    assert f"{pair[1].address} lost its labels during the bake" in outcome.reason
    assert states(pair) == [BEFORE, BEFORE]


def kill_at(monkeypatch: pytest.MonkeyPatch, call: int, after: bool) -> None:
    """Kills the rollout at its nth reload, before or after the server has done it."""
    calls, real = [0], ModelServer.reload

    def reload(self: ModelServer, config: object) -> None:
        calls[0] += 1
        if calls[0] == call and not after:
            raise Killed
        real(self, config)  # type: ignore[arg-type]
        if calls[0] == call:
            raise Killed

    monkeypatch.setattr(ModelServer, "reload", reload)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 9))
def test_killed_anywhere_it_goes_on(
    pair: list[Running], monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, call, after)
        with pytest.raises(Killed):
            roll_out(pair)
    assert roll_out(pair).result == "promoted"
    assert states(pair) == [AFTER, AFTER]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 5))
def test_killed_before_it_was_promoted_it_can_be_taken_back(
    pair: list[Running], monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, call, after)
        with pytest.raises(Killed):
            roll_out(pair)
    assert abort(pair).result == "rolled_back"
    assert states(pair) == [BEFORE, BEFORE]


def test_killed_while_rolling_back_it_can_be_taken_back(pair: list[Running], monkeypatch: pytest.MonkeyPatch) -> None:
    pair[0].fake.traffic = Traffic({"INTERNAL": 100})
    with monkeypatch.context() as patch:
        kill_at(patch, 6, after=False)
        with pytest.raises(Killed):
            roll_out(pair, LONG)
    assert states(pair) == [([1, 2], BEFORE[1]), BAKING]
    assert abort(pair).result == "rolled_back"
    assert states(pair) == [BEFORE, BEFORE]


def test_killed_in_the_bake_it_bakes_anew(pair: list[Running]) -> None:
    def kill(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        roll_out(pair, LONG, progress=kill)
    assert states(pair) == [BAKING, BAKING]
    reloads = pair[0].fake.reloads
    outcome = roll_out(pair)
    assert outcome.result == "promoted" and outcome.health is not None
    assert pair[0].fake.reloads == reloads + 2, "labels and unloading; nothing was loaded again"


def test_a_promoted_version_is_not_promoted_again(pair: list[Running]) -> None:
    roll_out(pair)
    outcome = roll_out(pair)
    assert outcome.result == "promoted"
    assert outcome.reason == "Version 2 was promoted already."
    assert states(pair) == [AFTER, AFTER]


def plan_with(pair: list[Running], version: int, *configs: dict[str, int]) -> None:
    for each, labels in zip(pair, configs, strict=True):
        each.fake.start_with(model_config(1, 2, 3, **labels))
    make_plan([ModelServer(each.address, NAME) for each in pair], version)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (({"stable": 1}, {"canary": 1}), "no version of dimerec with the label `stable`"),
        (({"stable": 1}, {"stable": 3}), "do not serve the same stable version: 1 at .*, 3 at"),
        (({"stable": 1, "canary": 3}, {"stable": 1}), "Another version is being rolled out: canary is 3 at"),
    ],
)
def test_servers_in_another_state_are_left_alone(
    pair: list[Running], configs: tuple[dict[str, int], dict[str, int]], message: str
) -> None:
    with pytest.raises(RolloutError, match=message):
        plan_with(pair, 2, *configs)
    assert [each.fake.reloads for each in pair] == [0, 0]


def test_a_promotion_under_way_cannot_be_aborted(pair: list[Running]) -> None:
    pair[0].fake.start_with(model_config(1, 2, stable=2, canary=2))
    with pytest.raises(RolloutError, match=r"A promotion was under way.* --version 2"):
        abort(pair)

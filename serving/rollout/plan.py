"""What there is to do, read from the labels that the servers have now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from serving.rollout.errors import RolloutError
from serving.rollout.model_config import CANARY, STABLE
from serving.rollout.server import ModelServer

Action = Literal["start", "resume", "finish", "abort"]


@dataclass(frozen=True)
class Plan:
    """A rollout that is about to go on.

    Attributes:
        action: `start` loads the version, `resume` finds its label set and bakes it, `finish` finds it promoted on some
            servers or all, `abort` takes it back.
        stable: the version before it; equal to `version` where nothing is left to move.
        version: the new one.
    """

    action: Action
    stable: int
    version: int


def make_plan(servers: Sequence[ModelServer], version: int) -> Plan:
    """Reads every server's labels.

    Raises:
        RolloutError: a server does not answer or has no label `stable`, they do not serve the same, or another version
            is being rolled out.
    """
    stable = {server.address: _stable(server) for server in servers}
    canary = {server.address: server.labelled(CANARY) for server in servers}
    former = set(stable.values()) - {version}
    if len(former) > 1:
        raise RolloutError(
            f"The servers do not serve the same stable version: {_list(stable)}. Give them one config before a rollout."
        )
    other = {address: found for address, found in canary.items() if found not in {None, version, *former}}
    if other:
        raise RolloutError(
            f"Another version is being rolled out: canary is {_list(other)}. End that rollout with --abort, or go on "
            "with it by its --version."
        )
    # A promotion begins only after a passed bake: where it began it is finished.
    if version in stable.values():
        return Plan("finish", max(former, default=version), version)
    (before,) = former
    return Plan("resume" if set(canary.values()) == {version} else "start", before, version)


def plan_abort(servers: Sequence[ModelServer]) -> Plan:
    """The rollout to end: each server's canary goes back to its stable version.

    Raises:
        RolloutError: a server does not answer, has no label `stable`, or has another one than the rest.
    """
    stable = {server.address: _stable(server) for server in servers}
    if len(set(stable.values())) > 1:
        raise RolloutError(
            f"A promotion was under way: stable is {_list(stable)}. Finish it with --version "
            f"{max(stable.values())}, or give the servers their config by hand."
        )
    before = stable[servers[0].address]
    canary = {server.labelled(CANARY) for server in servers} - {None, before}
    return Plan("abort", before, max((found for found in canary if found), default=before))


def _stable(server: ModelServer) -> int:
    found = server.labelled(STABLE)
    if found is None:
        raise RolloutError(
            f"{server.address} serves no version of {server.model_name} with the label `{STABLE}`. Set it in the model "
            f'config: version_labels {{ key: "{STABLE}" value: N }} with a version that is loaded.'
        )
    return found


def _list(versions: dict[str, int | None] | dict[str, int]) -> str:
    return ", ".join(f"{version} at {address}" for address, version in versions.items())

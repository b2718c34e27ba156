"""Protocols: which events are trained on, and which history has to predict which targets of its own future."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.data.boundaries import Boundaries
from dimerec_tf.data.times import Times

SPLIT_NAMES = ("train", "eval", "test")


@dataclass(frozen=True)
class UserExample:
    """What a user did, oldest first, and what came next: distinct items, at least one.

    In the train split it is the whole training sequence, every prefix of which is learned from: the history is all
    but its last event, the target the last one.
    """

    user_id: str
    history: list[str]
    targets: list[str]


@dataclass(frozen=True)
class UserEvents:
    """A user's events in time order, ties in file order, `[n]` each, n > 0; repeats as `data.repeats` says."""

    user_id: str
    items: list[str]
    times: Times


def leave_one_out(user_id: str, items: Sequence[str]) -> dict[str, UserExample]:
    """The last event is the test target, the one before it the evaluation target, the rest is training.

    A user with fewer than three events is used for training as a whole.

    Args:
        user_id: whose events they are.
        items: item ids in time order, at least one.
    """
    if len(items) < 3:
        return {"train": _example(user_id, items)}
    return {
        "train": _example(user_id, items[:-2]),
        "eval": _example(user_id, items[:-1]),
        "test": _example(user_id, items),
    }


def global_time(
    user_id: str, items: Sequence[str], times: Times | Sequence[Any], boundaries: Boundaries
) -> dict[str, UserExample]:
    """Training is everything before `eval_from`; the first event of each later period is that period's target.

    Its history is all earlier events; without any there is no example.

    Args:
        user_id: whose events they are.
        items: item ids in time order, at least one.
        times: their times, ascending.
        boundaries: where the periods begin.
    """
    first_eval, first_test = np.searchsorted(times, [boundaries.eval_from, boundaries.test_from]).tolist()
    ends = {}
    if first_eval:
        ends["train"] = first_eval
    if 0 < first_eval < first_test:
        ends["eval"] = first_eval + 1
    if 0 < first_test < len(items):
        ends["test"] = first_test + 1
    return {name: _example(user_id, items[:end]) for name, end in ends.items()}


def split_user(user: UserEvents, boundaries: Boundaries | None) -> dict[str, UserExample]:
    """Splits by time if there are boundaries, else leaves one out; keys are split names."""
    if boundaries is None:
        return leave_one_out(user.user_id, user.items)
    return global_time(user.user_id, user.items, user.times, boundaries)


def split_between_users(users: Sequence[UserEvents], split: SplitConfig) -> Iterator[tuple[str, UserExample]]:
    """Cuts users 8:1:1; training has whole users, the other parts what `every_prefix` or `last_fifth` makes of them.

    Args:
        users: all users, in the order of their first row.
        split: of kind `sequences`, which goes by the time of a user's first event and then by the order of `users`, or
            of kind `users`, which goes by the SHA-256 of a user's id, so that the order of the log does not matter.

    Yields:
        Split names and examples.

    Raises:
        ConfigError: there are too few users to cut.
    """
    if split.kind == "sequences":
        ordered = sorted(users, key=lambda user: user.times[0].item())
    else:
        ordered = sorted(users, key=lambda user: sha256(user.user_id.encode()).digest())
    first_eval, first_test = len(ordered) * 8 // 10, len(ordered) * 9 // 10
    if not 0 < first_eval < first_test:
        raise ConfigError(f"data.split.kind {split.kind} cuts users 8:1:1, and the log's {len(users)} are too few.")
    for user in ordered[:first_eval]:
        yield "train", _example(user.user_id, user.items)
    for name, part in (("eval", ordered[first_eval:first_test]), ("test", ordered[first_test:])):
        for user in part:
            held_out = every_prefix(user, split.history) if split.kind == "sequences" else last_fifth(user)
            yield from ((name, example) for example in held_out)


def every_prefix(user: UserEvents, history: int) -> list[UserExample]:
    """Each event but the first is a target; up to `history` events before it are its history."""
    return [
        UserExample(user.user_id, user.items[max(end - history, 0) : end], [user.items[end]])
        for end in range(1, len(user.items))
    ]


def last_fifth(user: UserEvents) -> list[UserExample]:
    """The first 80 % of the events, rounded down, are the history, the items of the others the targets.

    A user with one event gives no example.
    """
    end = len(user.items) * 8 // 10
    return [UserExample(user.user_id, user.items[:end], list(dict.fromkeys(user.items[end:])))] if end else []


def _example(user_id: str, items: Sequence[str]) -> UserExample:
    return UserExample(user_id, list(items[:-1]), [items[-1]])

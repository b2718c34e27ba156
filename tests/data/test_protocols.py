"""Splits between users: who is trained on, who is asked, and what."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.protocols import (
    SPLIT_NAMES,
    UserEvents,
    UserExample,
    every_prefix,
    last_fifth,
    split_between_users,
)
from dimerec_tf.data.splits import load_splits

SEQUENCES, USERS = SplitConfig(kind="sequences", history=3), SplitConfig(kind="users")
LENGTHS_AND_STARTS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), min_size=6, max_size=40)


def user(name: str, items: Sequence[str], start: int = 0) -> UserEvents:
    return UserEvents(name, list(items), np.arange(start, start + len(items)))


def numbered(lengths_and_starts: list[tuple[int, int]]) -> list[UserEvents]:
    """Users u0, u1 and so on; an item stands once in all of them."""
    return [
        user(f"u{n}", [f"i{n}-{m}" for m in range(length)], start)
        for n, (length, start) in enumerate(lengths_and_starts)
    ]


def split(users: list[UserEvents], config: SplitConfig) -> dict[str, list[UserExample]]:
    parts: dict[str, list[UserExample]] = {name: [] for name in SPLIT_NAMES}
    for name, example in split_between_users(users, config):
        parts[name].append(example)
    return parts


def test_every_prefix_predicts_its_next_item_from_the_last_events():
    assert every_prefix(user("u", "abcde"), 3) == [
        UserExample("u", ["a"], ["b"]),
        UserExample("u", ["a", "b"], ["c"]),
        UserExample("u", ["a", "b", "c"], ["d"]),
        UserExample("u", ["b", "c", "d"], ["e"]),
    ]
    assert every_prefix(user("u", "a"), 3) == []


@pytest.mark.parametrize(
    ("items", "history", "targets"),
    [
        ("ab", "a", "b"),
        ("abcde", "abcd", "e"),
        ("abcdefghij", "abcdefgh", "ij"),
        ("abcdefghijk", "abcdefgh", "ijk"),
        ("abcdefghaxa", "abcdefgh", "ax"),  # an item counts once
    ],
)
def test_the_last_fifth_of_a_history_is_predicted_from_the_rest(items, history, targets):
    assert last_fifth(user("u", items)) == [UserExample("u", list(history), list(targets))]


def test_a_user_with_one_event_has_nothing_to_predict_from():
    assert last_fifth(user("u", "a")) == []


def test_sequences_are_cut_by_the_time_of_their_first_event_and_ties_by_file_order(tmp_path):
    starts = {"u0": 90, "u1": 5, "u2": 80, "u3": 5, "u4": 4, "u5": 3, "u6": 2, "u7": 1, "u8": 0, "u9": 5}
    rows = [f"{name},a{name},{start}\n{name},b{name},{start + 100}" for name, start in starts.items()]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    splits = load_splits(DataConfig(path=str(tmp_path / "log.csv"), split=SEQUENCES))
    assert [example.user_id for example in splits.train] == ["u8", "u7", "u6", "u5", "u4", "u1", "u3", "u9"]
    assert splits.train[0] == UserExample("u8", ["au8"], ["bu8"])
    assert splits.eval == [UserExample("u2", ["au2"], ["bu2"])]
    assert splits.test == [UserExample("u0", ["au0"], ["bu0"])]


def test_sequences_whose_times_are_positions_keep_file_order():
    parts = split([user(f"u{n}", "abc") for n in range(10)], SEQUENCES)
    assert [example.user_id for example in parts["train"]] == [f"u{n}" for n in range(8)]
    assert [example.user_id for example in parts["eval"]] == ["u8", "u8"]
    assert [example.user_id for example in parts["test"]] == ["u9", "u9"]


def test_users_are_cut_by_the_hash_of_their_id_whatever_the_order_of_the_log():
    users = [user(f"u{n}", "abcde") for n in range(10)]
    parts = split(users, USERS)
    # Smallest first, by `printf u0 | sha256sum` and so on.
    assert [example.user_id for example in parts["train"]] == ["u3", "u9", "u5", "u2", "u6", "u0", "u1", "u8"]
    assert parts["eval"] == [UserExample("u7", list("abcd"), ["e"])]
    assert parts["test"] == [UserExample("u4", list("abcd"), ["e"])]
    assert split(users[::-1], USERS) == parts


@pytest.mark.parametrize("config", [SEQUENCES, USERS], ids=lambda config: config.kind)
@given(lengths_and_starts=LENGTHS_AND_STARTS)
def test_no_held_out_user_is_trained_on_and_training_has_whole_users(config, lengths_and_starts):
    users = numbered(lengths_and_starts)
    parts = split(users, config)
    items_of = {each.user_id: each.items for each in users}
    ids = {name: {example.user_id for example in examples} for name, examples in parts.items()}
    assert len(ids["train"]) == len(users) * 8 // 10
    assert not ids["train"] & ids["eval"] and not ids["train"] & ids["test"] and not ids["eval"] & ids["test"]
    for example in parts["train"]:
        assert [*example.history, *example.targets] == items_of[example.user_id]
    long_enough = {each.user_id for each in users if len(each.items) > 1}
    assert ids["eval"] | ids["test"] == long_enough - ids["train"]


@pytest.mark.parametrize("config", [SEQUENCES, USERS], ids=lambda config: config.kind)
@given(lengths_and_starts=LENGTHS_AND_STARTS)
def test_a_history_ends_where_its_targets_begin(config, lengths_and_starts):
    users = numbered(lengths_and_starts)
    items_of = {each.user_id: each.items for each in users}
    for name in ("eval", "test"):
        for example in split(users, config)[name]:
            items = items_of[example.user_id]
            first = items.index(example.targets[0])
            if config.kind == "sequences":
                assert example.history == items[:first][-3:] and len(example.targets) == 1
            else:
                assert example.history == items[:first] and example.targets == items[first:]
                assert first == int(np.floor(0.8 * len(items) + 1e-9))


@pytest.mark.parametrize("config", [SEQUENCES, USERS], ids=lambda config: config.kind)
def test_too_few_users_to_cut_are_refused(config):
    assert all(split([user(f"u{n}", "ab") for n in range(6)], config).values())
    for few in range(6):
        with pytest.raises(ConfigError, match=rf"{config.kind} cuts users 8:1:1, and the log's {few} are too few"):
            split([user(f"u{n}", "ab") for n in range(few)], config)

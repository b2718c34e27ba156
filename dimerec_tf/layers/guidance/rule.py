"""Guidance without parameters: a rule picks events, and their vectors are the interests."""

import importlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.layers.prefixes import whole_history

Rule = Callable[[tf.Tensor, int], tf.Tensor]


class UnknownRule(DimeRecError, ValueError):
    """A name that no rule has."""


def most_recent(rows: tf.Tensor, count: int) -> tf.Tensor:
    """The paper's rule: the `count` latest events, newest first. See `RuleInterest` for what a rule is."""
    prefix = tf.range(tf.shape(rows)[1])[:, tf.newaxis]
    return tf.repeat((prefix - tf.range(count)[tf.newaxis])[tf.newaxis], tf.shape(rows)[0], axis=0)


RULES: dict[str, Rule] = {"most_recent": most_recent}


def find_rule(name: str) -> Rule:
    """A rule by its name in `RULES`, or a function as `package.module:function`.

    Raises:
        UnknownRule: there is no such rule.
    """
    if name in RULES:
        return RULES[name]
    module, colon, function = name.partition(":")
    try:
        if not colon:
            raise ImportError("it names no function")
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        known = ", ".join(RULES)
        raise UnknownRule(f"The rule {name!r} is neither {known} nor package.module:function ({error}).") from error


class RuleInterest(tf.keras.layers.Layer):
    """g^u = the states of the events that a rule picks (paper section 3.2, rule-based).

    A rule takes int `[batch, length]` item rows, 0 at padding, and how many events to pick. It returns int
    `[batch, prefix, count]`: for the prefix that ends at event p, the positions (at most p) of its events; a negative
    one stands for none and gives zeros. What else a rule needs to know of items, such as categories, it looks up by
    row: row r is the vocabulary's r-th item.

    Args:
        num_interests: K.
        rule: its name, see `find_rule`.

    Call arguments and what is returned: see `SelfAttentiveInterest`.
    """

    def __init__(self, num_interests: int, rule: str = "most_recent", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.rule = rule
        self.pick = find_rule(rule)
        self.built = True  # has no weights, and is not always called

    @classmethod
    def configured(cls, config: DimeRecConfig) -> "RuleInterest":
        """See `SelfAttentiveInterest`."""
        return cls(config.num_interests, config.guidance.rule)

    def call(self, states: tf.Tensor, rows: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        if all_prefixes:
            positions = tf.where(rows[..., tf.newaxis] > 0, self.pick(rows, self.num_interests), -1)
        else:
            positions = self.positions(rows)
        return zero_absent(tf.gather(states, tf.maximum(positions, 0), axis=1, batch_dims=1), positions)

    def positions(self, rows: tf.Tensor) -> tf.Tensor:
        """The events picked of whole histories: rows `[batch, length]` to `[batch, interests]`, -1 for none."""
        return tf.maximum(whole_history(self.pick(rows, self.num_interests) + 1, rows > 0), 0) - 1

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_interests": self.num_interests, "rule": self.rule}


def zero_absent(picked: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """The states `[..., dim]` of picked events, zeros where the position `[...]` is negative."""
    return tf.where(positions[..., tf.newaxis] >= 0, picked, tf.zeros_like(picked))

"""The paper's recipe with other values: small models whose every part a test can compute by itself."""

from typing import Any

from dimerec_tf.config import Config, load_preset, vary


def paper(**options: Any) -> Config:
    """The preset `paper`, keys of its model changed; a dictionary changes some keys of a section."""
    changes: dict[str, Any] = {}
    for key, value in options.items():
        changes |= {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
    return vary(load_preset("paper"), changes)

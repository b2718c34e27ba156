"""YAML as the configuration takes it: plain values, and no key twice."""

from typing import Any

import yaml


class _OnceEach(yaml.SafeLoader):
    """YAML itself takes the last of two equal keys, and the first is lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        named: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in named:
                    twice = f"the key {key.value!r} is there twice"
                    raise yaml.constructor.ConstructorError(None, None, twice, key.start_mark)
                named.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        yaml.YAMLError: it is not YAML, or holds what is no plain value, or a key twice.
    """
    return yaml.load(text, _OnceEach)

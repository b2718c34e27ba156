"""A plugin for `make test-fast`: nothing in this process loads TensorFlow, and what comes to it is skipped.

A file whose imports lead to TensorFlow is skipped as a whole, a test when it gets there, so that there is no list to
keep. Only a test that starts a process which loads TensorFlow has to say so, by the mark `tensorflow`.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

NEEDED = "needs TensorFlow"


class _Guard:
    """Asked for every module before those who would find it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package = name.partition(".")[0]
        if package in ("tensorflow", "tfx") or package.startswith("tensorflow_"):  # all of these load it
            pytest.skip(NEEDED, allow_module_level=True)  # no Exception, which something on the way might handle
        return None


def pytest_configure() -> None:
    assert "tensorflow" not in sys.modules, "tests/conftest.py or a plugin loads TensorFlow"
    sys.meta_path.insert(0, _Guard())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("tensorflow"):
        pytest.skip(NEEDED)

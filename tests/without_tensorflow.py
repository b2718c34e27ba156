"""A plugin for `make test-fast`: this process cannot load TensorFlow, and each test that tries is skipped.

A file that imports TensorFlow is skipped as a whole. Nobody keeps a list of such files. Only a test that starts another
process, which loads TensorFlow, needs a mark: `tensorflow`.
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
            # Raises no Exception, so that no `except Exception` on the way hides it.
            pytest.skip(NEEDED, allow_module_level=True)
        return None


def pytest_configure() -> None:
    assert "tensorflow" not in sys.modules, "tests/conftest.py or a plugin loads TensorFlow"
    sys.meta_path.insert(0, _Guard())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("tensorflow"):
        pytest.skip(NEEDED)

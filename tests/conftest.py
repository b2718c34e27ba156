"""Loads our package before TensorFlow, so that every test runs with Keras 2, and shares the tests out to processes."""

import os

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from dimerec_tf.environment import one_thread_per_operation, silence_native_logs

# GNU readline sets them in pytest's own process, and so for those that xdist starts: no console may keep that size.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
silence_native_logs()
one_thread_per_operation()  # the processes keep all cores busy

settings.register_profile("shared", settings.default, deadline=None)  # an example may wait for the other process
settings.load_profile("shared")


class _Scheduling(LoadFileScheduling):
    """A file's tests run in one process, and so do all of tests/e2e, which share pipeline runs."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Scheduling:
    return _Scheduling(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes do not name a test: packed ones hold the time, and every process has to collect the same names."""
    return argname if isinstance(val, bytes) else None

"""What is written to the environment gives way to what the user chose."""

import os

import pytest

from dimerec_tf.environment import one_thread_per_operation


@pytest.mark.parametrize(("chosen", "threads"), [(None, "1"), ("4", "4")])
def test_a_server_computes_an_operation_in_one_thread_unless_told(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, threads: str
) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", chosen or "")
    if chosen is None:
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    one_thread_per_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == threads

"""What is written to the environment gives way to what the user chose."""

import os

import pytest

from dimerec_tf.environment import one_thread_per_operation, reach_this_machine_directly


@pytest.mark.parametrize(("chosen", "threads"), [(None, "1"), ("4", "4")])
def test_a_server_computes_an_operation_in_one_thread_unless_told(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, threads: str
) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", chosen or "")
    if chosen is None:
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    one_thread_per_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == threads


OWN = "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"no_proxy": OWN}),
        ({"no_proxy": "intra.example"}, {"no_proxy": f"intra.example,{OWN}"}),
        ({"NO_PROXY": "intra.example"}, {"no_proxy": f"intra.example,{OWN}"}),
        ({"no_proxy": "*"}, {"no_proxy": "*"}),
        ({"no_grpc_proxy": "intra.example"}, {"no_proxy": OWN, "no_grpc_proxy": f"intra.example,{OWN}"}),
    ],
)
def test_exceptions_from_the_proxy_are_kept_and_this_machine_is_one_more(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: dict[str, str]
) -> None:
    names = ("no_proxy", "NO_PROXY", "no_grpc_proxy")
    for name in names:
        monkeypatch.setenv(name, given.get(name, ""))
        if name not in given:
            monkeypatch.delenv(name)
    reach_this_machine_directly()
    found = {name: os.environ[name] for name in names if name in os.environ}
    assert found == {**given, **expected}

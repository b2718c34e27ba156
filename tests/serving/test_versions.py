"""Versions come, go and fail while requests run."""

import shutil
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from serving.server import loader
from serving.server.app import start_server
from serving.server.batching_options import BatchingOptions
from serving.server.errors import ModelLoadError, ServerStartError
from serving.server.options import ServerOptions
from serving.server.served_model import State, VersionStatus
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.toy import NAME, save_toy, slow_request

BATCHING = BatchingOptions(max_batch_size=8, batch_timeout_micros=2000, pad_variable_length_inputs=True)


@pytest.mark.parametrize("batching", [None, BATCHING])
def test_a_swap_under_load_loses_no_request(
    own_base: Path, frequent_polls: None, batching: BatchingOptions | None
) -> None:
    with serving(own_base, ServerOptions(batching=batching)) as stubs:
        _swap_under_load(stubs, own_base)


def _swap_under_load(own_server: Stubs, own_base: Path) -> None:
    versions: list[int] = []
    stop = threading.Event()
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            while not stop.is_set() and len(versions) < 20_000:
                versions.append(own_server.answered_by())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(versions) > 20)
    for number in (2, 10):
        save_toy(own_base, number)
        until(lambda number=number: number in versions)
    stop.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not failures
    assert set(versions) == {1, 2, 10}
    until(lambda: own_server.states() == {1: State.END, 2: State.END, 10: State.AVAILABLE})


def test_the_old_version_is_freed_after_its_last_request_which_does_not_wait_for_it(
    own_server: Stubs, own_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_free, close = threading.Event(), loader.LoadedVersion.close

    def close_late(version: loader.LoadedVersion) -> None:
        assert may_free.wait(TIMEOUT)
        close(version)

    monkeypatch.setattr(loader.LoadedVersion, "close", close_late)
    running = own_server.predictions.Predict.future(slow_request(8.0), timeout=TIMEOUT)
    until(lambda: own_server.users() == 1)
    save_toy(own_base, 2)
    until(lambda: own_server.states() == {1: State.UNLOADING, 2: State.AVAILABLE})
    assert own_server.answered_by() == 2
    assert running.result().model_spec.version.value == 1
    assert own_server.states() == {1: State.UNLOADING, 2: State.AVAILABLE}
    may_free.set()
    until(lambda: own_server.states() == {1: State.END, 2: State.AVAILABLE})


def test_a_broken_version_is_reported_and_the_old_one_stays(own_server: Stubs, own_base: Path) -> None:
    broken = own_base / "2"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no model")
    until(lambda: 2 in own_server.states() and own_server.states()[2] is State.END)
    status = own_server.server.manager.statuses(NAME)[2]
    assert status.error_code != 0
    assert "saved_model.pb" in status.error_message
    assert own_server.answered_by() == 1
    shutil.rmtree(broken)
    until(lambda: 2 not in own_server.states())


def test_a_version_still_being_copied_is_served_once_its_files_are_there(own_server: Stubs, own_base: Path) -> None:
    whole = save_toy(own_base, 2)
    until(lambda: own_server.answered_by() == 2)
    target = own_base / "3"
    target.mkdir()
    shutil.copy(whole / "saved_model.pb", target)
    until(lambda: 3 in own_server.states() and own_server.states()[3] is State.END)
    shutil.copytree(whole / "variables", target / "variables")
    until(lambda: own_server.states()[3] is State.AVAILABLE)


def test_removing_the_newest_goes_back_and_the_last_one_stays(own_server: Stubs, own_base: Path) -> None:
    newest = save_toy(own_base, 2)
    until(lambda: own_server.answered_by() == 2)
    shutil.rmtree(newest)
    until(lambda: own_server.answered_by() == 1)
    shutil.rmtree(own_base)
    time.sleep(0.3)
    assert own_server.answered_by() == 1


def test_of_directories_with_one_number_the_last_by_name_is_served_and_the_others_are_named(
    own_base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("01", "001"):  # before the server has looked
        (own_base / name).mkdir()
        (own_base / name / "saved_model.pb").write_bytes(b"no model")
    with serving(own_base) as stubs:
        assert stubs.answered_by() == 1
        assert stubs.server.manager.statuses(NAME) == {1: VersionStatus(State.AVAILABLE)}
        stubs.server.manager._models[NAME].poll()
    said = [record.getMessage() for record in caplog.records if "same number" in record.getMessage()]
    assert sorted(said) == [
        f"{own_base}/001 is not served: {own_base}/1 has the same number, and counts.",
        f"{own_base}/01 is not served: {own_base}/1 has the same number, and counts.",
    ]


def test_a_model_without_versions_is_not_found_until_one_comes(tmp_path: Path, frequent_polls: None) -> None:
    with serving(tmp_path) as stubs:
        with pytest.raises(grpc.RpcError, match=r"Latest\(toy\)"):
            stubs.answered_by()
        save_toy(tmp_path, 1)
        until(lambda: stubs.server.manager.served_version(NAME) == 1)
        assert stubs.answered_by() == 1


def test_several_models_are_told_apart(toy_base: Path, own_base: Path) -> None:
    server = start_server({"one": own_base, "seven": toy_base}, "127.0.0.1:0")
    try:
        assert server.manager.served_version("one") == 1
        assert server.manager.served_version("seven") == 7
    finally:
        server.stop(0)


def test_a_taken_port_a_missing_directory_and_no_model_are_refused(toy_server: Stubs, tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="choose another port"):
        start_server({NAME: tmp_path}, toy_server.address)
    with pytest.raises(ServerStartError, match="does not exist"):
        start_server({NAME: tmp_path / "missing"}, "127.0.0.1:0")
    with pytest.raises(ServerStartError, match="No model"):
        start_server({}, "127.0.0.1:0")


@pytest.mark.parametrize("in_function", [False, True])
def test_a_scann_export_without_scann_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_function: bool
) -> None:
    saved_model = saved_model_pb2.SavedModel()
    graph = saved_model.meta_graphs.add().graph_def
    nodes = graph.library.function.add().node_def if in_function else graph.node
    nodes.add(op="Scann>ScannSearchBatched")
    (tmp_path / "saved_model.pb").write_bytes(saved_model.SerializeToString())

    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(ModelLoadError, match=r"exported with a ScaNN index\. .*not installed .*pip install 'scann=="):
        loader.load_version(tmp_path)

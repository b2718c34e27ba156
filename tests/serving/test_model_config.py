"""Model config files: which models, versions and labels, at start and reloaded."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from serving.client.client import RecommendClient, RecommendError
from serving.client.rest import RestRecommendClient
from serving.server.app import start_server
from serving.server.errors import ServerStartError
from serving.server.model_config import ModelSettings, VersionPolicy, read_model_config
from serving.server.options import ServerOptions
from serving.server.served_model import State
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.toy import NAME, request, save_toy


def config(base: Path, more: str = "", name: str = NAME) -> str:
    return f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'


def reload(stubs: Stubs, *models: str) -> None:
    message = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(f"model_config_list {{ {' '.join(models)} }}", message.config)
    assert stubs.models.HandleReloadConfigRequest(message, timeout=TIMEOUT).status.error_code == 0


def available(stubs: Stubs) -> list[int]:
    return [number for number, state in stubs.states().items() if state is State.AVAILABLE]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    base = tmp_path / "models" / "three"
    base.mkdir(parents=True)
    for number in (1, 2, 3):
        save_toy(base, number)
    return base


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [3]),
        ("model_version_policy { latest { num_versions: 2 } }", [2, 3]),
        ("model_version_policy { all {} }", [1, 2, 3]),
        ("model_version_policy { specific { versions: 1 versions: 3 } }", [1, 3]),
    ],
)
def test_the_policy_of_the_file_chooses_versions(three: Path, tmp_path: Path, policy: str, served: list[int]) -> None:
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ {config(three, policy)} }}")
    with serving(read_model_config(path)[NAME]) as stubs:
        assert available(stubs) == served
        for number in (1, 2, 3):
            message = request([["a"]])
            message.model_spec.version.value = number
            error = stubs.predictions.Predict.future(message, timeout=TIMEOUT).exception()
            assert (error is None) == (number in served)
        assert stubs.answered_by() == 3


def test_labels_choose_and_move_and_status_knows_them(three: Path) -> None:
    both = "model_version_policy { specific { versions: 1 versions: 2 } }"
    settings = ModelSettings(three, VersionPolicy(None, frozenset([1, 2])), {"stable": 1, "canary": 2})
    with serving(settings) as stubs:
        assert [stubs.answered_by(label) for label in ("stable", "canary", "")] == [1, 2, 2]
        message = get_model_status_pb2.GetModelStatusRequest()
        message.model_spec.name, message.model_spec.version_label = NAME, "stable"
        (status,) = stubs.models.GetModelStatus(message, timeout=TIMEOUT).model_version_status
        assert status.version == 1
        reload(stubs, config(three, f'{both} version_labels {{ key: "stable" value: 2 }}'))
        assert stubs.answered_by("stable") == 2
        with pytest.raises(grpc.RpcError, match="Unrecognized servable version label: canary") as caught:
            stubs.answered_by("canary")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("rest", [False, True])
def test_clients_ask_for_labels_and_versions(three: Path, rest: bool) -> None:
    with serving(ModelSettings(three, labels={"stable": 3})) as stubs:
        client = RestRecommendClient(stubs.rest_address, NAME) if rest else RecommendClient(stubs.address, NAME)
        with client:
            assert client.recommend([["a"]], k=2, version="stable") == client.recommend([["a"]], k=2, version=3)
            with pytest.raises(RecommendError, match="Unrecognized servable version label: a/b") as caught:
                client.recommend([["a"]], k=2, version="a/b")
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
            with pytest.raises(RecommendError) as caught:
                client.recommend([["a"]], k=2, version=2)
            assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_a_label_moves_and_its_old_version_goes_without_a_failed_request(three: Path) -> None:
    settings = ModelSettings(three, VersionPolicy(None, frozenset([1])), {"stable": 1})
    answers: list[int] = []
    failures: list[BaseException] = []
    stop = threading.Event()
    with serving(settings) as stubs:

        def ask() -> None:
            try:
                while not stop.is_set():
                    answers.append(stubs.answered_by("stable"))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in (2, 3, 1):
            policy = f"model_version_policy {{ specific {{ versions: {number} }} }}"
            reload(stubs, config(three, f'{policy} version_labels {{ key: "stable" value: {number} }}'))
            reached = len(answers)
            until(lambda reached=reached: len(answers) > reached + 5 or bool(failures))
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT)
        assert not failures
        assert set(answers) == {1, 2, 3}
        until(lambda: stubs.states() == {1: State.AVAILABLE, 2: State.END, 3: State.END})


def test_models_are_added_and_removed(three: Path, toy_base: Path) -> None:
    other = three / "other"
    other.mkdir()
    save_toy(other, 5)
    with serving(three) as stubs, grpc.insecure_channel(stubs.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        reload(stubs, config(three), config(other, name="other"))
        message = request([["a"]])
        message.model_spec.name = "other"
        assert stubs.predictions.Predict(message, timeout=TIMEOUT).model_spec.version.value == 5
        asked = health_pb2.HealthCheckRequest(service="other")
        assert health.Check(asked, timeout=TIMEOUT).status == health_pb2.HealthCheckResponse.SERVING
        reload(stubs, config(three))
        with pytest.raises(grpc.RpcError, match=r"Latest\(other\)"):
            stubs.predictions.Predict(message, timeout=TIMEOUT)
        assert health.Check(asked, timeout=TIMEOUT).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert stubs.answered_by() == 3


def test_a_model_that_was_added_is_watched(three: Path, frequent_polls: None) -> None:
    other = three / "other"
    other.mkdir()
    save_toy(other, 5)
    with serving(three) as stubs:
        reload(stubs, config(three), config(other, name="other"))
        save_toy(other, 6)
        until(lambda: stubs.server.manager.served_version("other") == 6)


VALID = 'config {{ name: "toy" base_path: "{base}" version_labels {{ key: "first" value: 1 }} }}'


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ([], "names no model"),
        ([VALID, VALID], "given twice"),
        ([VALID, 'config {{ name: "../x" base_path: "{base}" }}'], "got '../x'"),
        ([VALID, 'config {{ name: "a/b" base_path: "{base}" }}'], "got 'a/b'"),
        ([VALID, 'config {{ name: ".." base_path: "{base}" }}'], r"got '\.\.'"),
        ([VALID, 'config {{ name: "x" base_path: "/etc" }}'], "/etc, lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/../../.." }}'], "lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/missing" }}'], "cannot be listed"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/.." }}'], "lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "/" }}'], "lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/../beside" }}'], "lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/loop" }}'], "leads nowhere: Symlink loop"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/out" }}'], "lies outside of"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/a\\000b" }}'], "holds a NUL"),
        ([VALID, 'config {{ name: "x" base_path: "{base}/1" }}'], "no version in"),
        ([VALID, 'config {{ name: "x" }}'], "has no base_path"),
        (['config {{ name: "toy" base_path: "{base}" model_platform: "torch" }}'], "'torch'; only 'tensorflow'"),
        (['config {{ name: "toy" base_path: "{base}" logging_config {{}} }}'], "leave it out"),
        (
            ['config {{ name: "toy" base_path: "{base}" model_version_policy {{ specific {{}} }} }}'],
            "positive versions",
        ),
        (
            ['config {{ name: "toy" base_path: "{base}" model_version_policy {{ specific {{ versions: 9 }} }} }}'],
            "Version 9 of model toy cannot be served: there is no such version",
        ),
        (
            ['config {{ name: "toy" base_path: "{base}" version_labels {{ key: "stable" value: 2 }} }}'],
            "'stable' of model toy names version 2, which is not loaded",
        ),
        (['config {{ name: "toy" base_path: "{base}" version_labels {{ key: "x" value: 0 }} }}'], "positive version"),
    ],
)
def test_a_configuration_that_cannot_be_applied_changes_nothing(
    changeable: Stubs, changeable_base: Path, models: list[str], reason: str
) -> None:
    texts = [model.format(base=changeable_base) for model in models]
    with pytest.raises(grpc.RpcError, match=reason) as caught:
        reload(changeable, *texts)
    is_label = "which is not loaded" in reason
    expected = grpc.StatusCode.FAILED_PRECONDITION if is_label else grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.code() is expected
    assert available(changeable) == [1]
    assert changeable.answered_by("first") == 1
    assert changeable.server.manager.names() == [NAME]


@pytest.fixture(scope="module")
def changeable_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("root") / "models" / "changeable"
    base.mkdir(parents=True)
    save_toy(base, 1)
    (base / "loop").symlink_to(base / "loop")
    (base / "out").symlink_to(base.parent)
    (base.parent / "beside").mkdir()
    return base


@pytest.fixture(scope="module")
def changeable(changeable_base: Path) -> Iterator[Stubs]:
    with serving(ModelSettings(changeable_base, labels={"first": 1})) as stubs:
        yield stubs


def test_a_version_loaded_for_a_refused_configuration_is_freed(three: Path) -> None:
    with serving(ModelSettings(three, VersionPolicy(None, frozenset([1])))) as stubs:
        with pytest.raises(grpc.RpcError, match="Version 9"):
            reload(stubs, config(three, "model_version_policy { specific { versions: 2 versions: 9 } }"))
        assert stubs.states() == {1: State.AVAILABLE, 2: State.END}


def test_labels_of_versions_that_are_not_loaded_can_be_allowed(three: Path) -> None:
    settings = ModelSettings(three, labels={"later": 4})
    with pytest.raises(ServerStartError, match="names version 4, which is not loaded"):
        start_server({NAME: settings}, "127.0.0.1:0")
    with serving(settings, ServerOptions(labels_for_unavailable=True)) as stubs:
        with pytest.raises(grpc.RpcError) as caught:
            stubs.answered_by("later")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "/x", "a\n"])
def test_names_that_could_be_paths_are_refused(toy_base: Path, name: str) -> None:
    with pytest.raises(ServerStartError, match="A model's name is made of"):
        start_server({name: toy_base}, "127.0.0.1:0")

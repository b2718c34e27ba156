"""Strings live as long as whoever holds them: outputs that share an input's memory, and variables that keep it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.server.app import start_server
from serving.server.session import Run, Session
from tests.serving.running import TIMEOUT

STRING = tf.string.as_datatype_enum
LENGTHS = [0, 22, 23, 100, 5000]
TEXTS = tf.TensorSpec([None], tf.string, "texts")


def _key(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(texts, 2**60)


class _Holder(tf.Module):
    """Hands strings on in every way that shares or keeps their memory."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = tf.Variable([""], shape=[None], dtype=tf.string)
        self.table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, "")

    @tf.function(input_signature=[TEXTS])
    def identity(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": tf.identity(texts)}

    @tf.function(input_signature=[TEXTS])
    def reshape(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": tf.reshape(texts, [1, -1, 1])}

    @tf.function(input_signature=[TEXTS])
    def part(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": texts[1:]}

    @tf.function(input_signature=[TEXTS])
    def keep(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        self.kept.assign(texts)
        return {"out": self.kept.read_value()}

    @tf.function(input_signature=[TEXTS])
    def remember(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        self.table.insert(_key(texts), texts)
        return {"out": self.table.lookup(_key(texts))}

    @tf.function(input_signature=[])
    def read(self) -> dict[str, tf.Tensor]:
        return {"out": self.kept.read_value()}

    @tf.function(input_signature=[TEXTS])
    def look(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": self.table.lookup(_key(texts))}


NAMES = ["identity", "reshape", "part", "keep", "remember", "read", "look"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base, model = tmp_path_factory.mktemp("holder"), _Holder()
    tf.saved_model.save(model, str(base / "1"), signatures={name: getattr(model, name) for name in NAMES})
    return base


@pytest.fixture
def session(base: Path) -> Iterator[Session]:
    session = Session(base / "1", "serve")
    yield session
    session.close()


def _run(session: Session, name: str) -> Run:
    signature = session.meta_graph.signature_def[name]
    feeds = [(info.name, STRING) for info in signature.inputs.values()]
    return session.prepare(feeds, [signature.outputs["out"].name])


def _texts(tag: int = 0) -> np.ndarray:
    return np.array([(b"%d-" % tag * length)[:length] for length in LENGTHS], object)


def _churn(run: Run) -> None:
    """Requests that would take over memory that was given up too early."""
    for tag in range(50):
        run([_texts(tag)])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", _texts()),
        ("reshape", _texts().reshape(1, -1, 1)),
        ("part", _texts()[1:]),
        ("keep", _texts()),
        ("remember", _texts()),
    ],
)
def test_what_shares_an_inputs_memory_is_whole(session: Session, name: str, expected: np.ndarray) -> None:
    [found] = _run(session, name)([_texts()])
    np.testing.assert_array_equal(found, expected)


def test_a_variable_assigned_from_a_request_keeps_its_strings(session: Session) -> None:
    _run(session, "keep")([_texts(7)])
    _churn(_run(session, "identity"))
    assert _run(session, "read")([])[0].tolist() == _texts(7).tolist()


def test_a_table_filled_by_a_request_keeps_its_strings(session: Session) -> None:
    _run(session, "remember")([_texts(8)])
    _churn(_run(session, "identity"))
    assert _run(session, "look")([_texts(8)])[0].tolist() == _texts(8).tolist()


@pytest.mark.parametrize("name", ["identity", "part", "remember"])
def test_threads_get_their_own_strings(session: Session, name: str) -> None:
    run = _run(session, name)

    def is_right(tag: int) -> bool:
        expected = _texts(tag)[1:] if name == "part" else _texts(tag)
        return bool(run([_texts(tag)])[0].tolist() == expected.tolist())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, range(1000)))


def test_a_variable_that_many_assign_holds_what_one_of_them_sent(session: Session) -> None:
    keep, read = _run(session, "keep"), _run(session, "read")
    keep([_texts(0)])
    sent = {tuple(_texts(tag)) for tag in range(500)}

    def found(tag: int) -> tuple[bytes, ...]:
        keep([_texts(tag)])
        return tuple(read([])[0])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(found, range(500))) <= sent


def test_strings_that_nobody_holds_any_more_are_freed(session: Session) -> None:
    keep, text = _run(session, "keep"), np.array([b"x" * 1_000_000], object)
    for _ in range(50):
        keep([text])
    before = psutil.Process().memory_info().rss
    for _ in range(200):
        keep([text])
    assert psutil.Process().memory_info().rss - before < 50 * 2**20  # 200 MB were assigned


def test_over_grpc(base: Path) -> None:
    server = start_server({"holder": base}, "127.0.0.1:0")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def out(signature: str, texts: np.ndarray | None = None) -> list[bytes]:
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "holder", signature
            if texts is not None:
                request.inputs["texts"].CopyFrom(tf.make_tensor_proto(texts))
            return list(stub.Predict(request, timeout=TIMEOUT).outputs["out"].string_val)

        for name in ("identity", "reshape", "keep"):
            assert out(name, _texts(3)) == _texts(3).tolist()
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda tag: out("identity", _texts(tag)) == _texts(tag).tolist(), range(200)))
        assert out("read") == _texts(3).tolist()
    server.stop(grace_seconds=1)

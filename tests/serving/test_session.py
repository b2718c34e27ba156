"""A SavedModel loaded and run without Python's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.server.c_api import TensorFlowError
from serving.server.session import Run, Session

STRING, FLOAT = tf.string.as_datatype_enum, tf.float32.as_datatype_enum


class _Model(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.string, "text")])
    def call(self, x: tf.Tensor, text: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.debugging.assert_less(x, 100.0, "x is too large")
        return {"product": self.weight * x, "twice": tf.strings.join([text, text])}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, model = tmp_path_factory.mktemp("model"), _Model()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.call})
    return folder


@pytest.fixture
def session(path: Path) -> Session:
    return Session(path, "serve")


def _prepared(session: Session) -> Run:
    signature = session.meta_graph.signature_def["serving_default"]
    return session.prepare(
        [(signature.inputs["x"].name, FLOAT), (signature.inputs["text"].name, STRING)],
        [signature.outputs["product"].name, signature.outputs["twice"].name],
    )


def _inputs(number: float, text: bytes) -> list[np.ndarray]:
    return [np.array([number], np.float32), np.array([text], object)]


def test_it_computes_what_the_model_does(session: Session) -> None:
    product, twice = _prepared(session)(_inputs(3, b"ab"))
    assert product.tolist() == [6.0] and twice.tolist() == [b"abab"]


def test_it_knows_all_of_the_meta_graph_but_the_graph(path: Path, session: Session) -> None:
    whole = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    assert whole.HasField("graph_def") and len(whole.ListFields()) > 3
    for field in ("graph_def", "object_graph_def"):
        whole.ClearField(field)
    assert session.meta_graph == whole


def test_threads_do_not_get_each_others_answers(session: Session) -> None:
    run = _prepared(session)

    def answer(number: int) -> bool:
        text = b"%d" % number * (number % 40)
        product, twice = run(_inputs(number % 100, text))
        return bool(product[0] == 2 * (number % 100)) and twice[0] == text + text

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(answer, range(2000)))


def test_what_the_graph_refuses_has_its_code_and_words(session: Session) -> None:
    with pytest.raises(TensorFlowError, match="x is too large") as raised:
        _prepared(session)(_inputs(1000, b""))
    assert raised.value.code == tf.errors.INVALID_ARGUMENT
    assert _prepared(session)(_inputs(1, b""))[0].tolist() == [2.0]


@pytest.mark.parametrize("name", ["nowhere:0", "serving_default_x:7"])
def test_a_tensor_that_is_not_there(session: Session, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        session.prepare([(name, FLOAT)], [])


@pytest.mark.parametrize(("folder", "tag"), [("missing", "serve"), ("", "train")])
def test_a_model_that_cannot_be_loaded(path: Path, folder: str, tag: str) -> None:
    with pytest.raises(TensorFlowError) as raised:
        Session(path / folder, tag)
    assert raised.value.code == tf.errors.NOT_FOUND


def test_after_it_is_closed_it_refuses(session: Session) -> None:
    run = _prepared(session)
    session.close()
    session.close()
    with pytest.raises(TensorFlowError, match="unloaded"):
        run(_inputs(1, b""))


def _growth_mb(action: Callable[[], object], times: int) -> float:
    for _ in range(times):
        action()
    before = psutil.Process().memory_info().rss
    for _ in range(times):
        action()
    return float(psutil.Process().memory_info().rss - before) / 2**20


def test_runs_leave_nothing_behind(session: Session) -> None:
    run, inputs = _prepared(session), _inputs(1, b"x" * 100_000)
    assert _growth_mb(lambda: run(inputs), 500) < 20  # its strings alone have 50 MB in, 100 MB out

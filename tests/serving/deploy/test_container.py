"""The embedded server's container: Vertex's variables, and what its routes must be."""

import pytest

from dimerec_tf.environment import VertexContainer, vertex_container
from dimerec_tf.errors import DimeRecError
from serving.deploy.container import serve_arguments

VARIABLES = ("AIP_HTTP_PORT", "AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE")


@pytest.fixture(autouse=True)
def no_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)


def test_elsewhere_the_options_are_passed_on() -> None:
    assert vertex_container() is None
    assert serve_arguments(["--port=1"], None) == ["serve", "--port=1"]


@pytest.mark.parametrize("middle", ["", "/versions/3", "/labels/stable"])
def test_vertex_says_port_and_model(monkeypatch: pytest.MonkeyPatch, middle: str) -> None:
    set_all(monkeypatch, "8080", f"/v1/models/shop{middle}:predict", "/v1/models/shop")
    vertex = vertex_container()
    assert vertex == VertexContainer(8080, f"/v1/models/shop{middle}:predict", "/v1/models/shop")
    assert serve_arguments(["--port=8500"], vertex) == [
        *("serve", "--port=8500", "--model-base-path", "/models/shop"),
        *("--model-name", "shop", "--rest-api-port", "8080"),
    ]


@pytest.mark.parametrize(
    ("predict", "health"),
    [
        ("/v1/endpoints/1/deployedModels/2:predict", "/v1/endpoints/1/deployedModels/2"),
        ("/v1/models/a:predict", "/v1/models/b"),
        ("/v1/models/../etc:predict", "/v1/models/../etc"),
        ("/v1/models/a:predict", "/health"),
    ],
)
def test_other_routes_are_refused_with_what_to_do(predict: str, health: str) -> None:
    with pytest.raises(DimeRecError, match="Upload the model with the predict route"):
        serve_arguments([], VertexContainer(8080, predict, health))


@pytest.mark.parametrize("values", [("x", "/p", "/h"), ("", "/p", "/h"), ("8080", "", "")])
def test_half_a_vertex_is_an_error(monkeypatch: pytest.MonkeyPatch, values: tuple[str, str, str]) -> None:
    set_all(monkeypatch, *values)
    with pytest.raises(DimeRecError, match="Set all three or none"):
        vertex_container()

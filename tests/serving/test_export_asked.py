"""The exact export behind the server, asked for all it can be asked for; and its warm-up."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.client.client import RecommendClient, RecommendError
from serving.client.recommendation import QuestionError, Recommendation
from serving.client.rest import RestRecommendClient
from serving.server.signature import Signature
from tests.serving.exported import category_of
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import NAME

Client = RecommendClient | RestRecommendClient
HISTORY = ["item-3", "item-7"]


@pytest.fixture(params=[RecommendClient, RestRecommendClient], ids=["grpc", "rest"])
def client(export_server: Stubs, request: pytest.FixtureRequest) -> Iterator[Client]:
    over_rest = request.param is RestRecommendClient
    with request.param(export_server.rest_address if over_rest else export_server.address, NAME) as asking:
        yield asking


def test_only_allowed_items_are_recommended(client: Client) -> None:
    allowed = [f"item-{row}" for row in range(100, 140)]
    answers = client.recommend([HISTORY, ["item-120"], []], k=5, filter_seen=True, allow=allowed)
    assert [len(set(answer.item_ids)) for answer in answers] == [5, 5, 5]
    assert set(answers[0].item_ids) <= {*allowed}
    assert set(answers[1].item_ids) <= {*allowed} - {"item-120"}
    assert answers[2].item_ids == tuple(allowed[:5])
    assert client.recommend([HISTORY], allow=["item-9", "who?"])[0].item_ids == ("item-9",)
    assert client.recommend([HISTORY], allow=["who?"])[0].item_ids == ()


def categories_of(answer: Recommendation) -> list[str]:
    return [category_of(int(item.removeprefix("item-"))) for item in answer.item_ids]


def test_only_items_of_allowed_categories_are_recommended(client: Client) -> None:
    answers = client.recommend([HISTORY, []], k=5, allow_categories=["A", "C"])
    assert [len(answer.item_ids) for answer in answers] == [5, 5]
    assert {*categories_of(answers[0])} <= {"A", "C"}
    assert answers[1].item_ids == ("item-2", "item-3", "item-5", "item-6", "item-8")
    both = client.recommend([HISTORY], allow_categories=["B"], allow=["item-4", "item-5"])[0]
    assert both.item_ids == ("item-4",)
    assert client.recommend([HISTORY], allow_categories=["who?"])[0].item_ids == ()


def test_lists_of_different_categories_can_be_asked_for(client: Client) -> None:
    plain, none = (client.recommend([HISTORY], k=3, **asked)[0] for asked in ({}, {"diversity_weight": 0}))
    assert none == plain
    diverse = client.recommend([HISTORY, ["item-9"]], k=3, diversity_weight=2)
    assert [sorted(categories_of(answer)) for answer in diverse] == [["A", "B", "C"]] * 2
    assert diverse[0].item_ids[0] == plain.item_ids[0]


def test_steps_and_seed_of_the_walk_can_be_chosen(client: Client) -> None:
    def scores(**asked: int) -> tuple[float, ...]:
        return client.recommend([HISTORY], k=50, **asked)[0].scores

    assert scores(num_steps=0, seed=1) == scores()
    assert scores(num_steps=4, seed=7) == scores(num_steps=4, seed=7)
    assert len({scores(), scores(seed=7), scores(num_steps=4, seed=7)}) == 3
    with pytest.raises(RecommendError, match="between 0, the default of this model, and 4") as caught:
        scores(num_steps=5)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_an_older_export_is_sent_only_what_it_knows(toy_server: Stubs) -> None:
    with RecommendClient(toy_server.address, NAME) as client:
        assert client.recommend([["a"]], k=1)[0].item_ids == ("a",)
        for asked, name in ({"allow": ["a"]}, "allow_item_ids"), ({"diversity_weight": 1.0}, "diversity_weight"):
            with pytest.raises(RecommendError, match=name):
                client.recommend([["a"]], k=1, **asked)


@pytest.mark.parametrize("client_class", [RecommendClient, RestRecommendClient])
def test_what_is_allowed_holds_for_the_fallback_too(client_class: type[Client]) -> None:
    with client_class("127.0.0.1:1", NAME, timeout_seconds=0.5, fallback=["a", "b", "c", "d"]) as client:
        (answer,) = client.recommend([["b"]], k=5, exclude=["c"], filter_seen=True, allow=["d", "c", "b", "x"])
        assert (answer.item_ids, answer.fallback) == (("d",), True)
        with pytest.raises(RecommendError, match=r"No server answers|did not answer"):
            client.recommend([["b"]], allow_categories=["War"])
        assert client.recommend([["b"]], k=1, diversity_weight=0.5)[0].item_ids == ("a",)


@pytest.mark.parametrize("client_class", [RecommendClient, RestRecommendClient])
def test_a_question_that_makes_no_sense_is_not_asked(client_class: type[Client]) -> None:
    with client_class("127.0.0.1:1", NAME) as client:
        for names in ("allow", "allow_categories"):
            with pytest.raises(TypeError, match="not one string"):
                client.recommend([["b"]], **{names: "ab"})
            with pytest.raises(QuestionError, match=f"`{names}` holds no"):
                client.recommend([["b"]], **{names: [""]})
        for weight in (-0.1, float("nan"), float("inf")):
            with pytest.raises(QuestionError, match=f"a finite number, 0 or more, got {weight}"):
                client.recommend([["b"]], diversity_weight=weight)


def ask(stubs: Stubs, signature: str, **inputs: object) -> dict[str, np.ndarray]:
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = NAME, signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    outputs = stubs.predictions.Predict(message, timeout=TIMEOUT).outputs
    return {name: tf.make_ndarray(tensor) for name, tensor in outputs.items()}


def test_the_other_signatures_answer_too(export_server: Stubs) -> None:
    example = tf.train.Example()
    example.features.feature["history_item_ids"].bytes_list.value.extend(item.encode() for item in HISTORY)
    example.features.feature["k"].int64_list.value.append(5)
    of_example = ask(export_server, "serve_examples", examples=[example.SerializeToString()])
    with RecommendClient(export_server.address, NAME) as client:
        expected = client.recommend([HISTORY], k=5)[0]
    assert [item.decode() for item in of_example["item_ids"][0]] == list(expected.item_ids)
    embedded = ask(export_server, "embed", history_item_ids=[HISTORY])
    np.testing.assert_allclose(np.linalg.norm(embedded["embeddings"], axis=-1), [[1.0]], rtol=1e-5)
    assert ask(export_server, "interests", history_item_ids=[HISTORY])["interests"].shape == (1, 3, 8)


def test_the_exports_own_requests_warm_it_up(export_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, rows = Signature.compute, []

    def counted(
        self: Signature, arrays: dict[str, np.ndarray], aliases: list[str], *rest: float | None
    ) -> dict[str, np.ndarray]:
        rows.append(len(arrays["history_item_ids"]))
        return compute(self, arrays, aliases, *rest)

    monkeypatch.setattr(Signature, "compute", counted)
    with serving(export_base) as stubs:
        assert rows == [1, 8]
        assert stubs.states()[1].name == "AVAILABLE"

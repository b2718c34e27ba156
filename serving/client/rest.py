"""A REST client for the recommender; unlike the gRPC client it needs no TensorFlow."""

from collections.abc import Sequence
from http import HTTPStatus
from time import monotonic
from types import TracebackType
from typing import Any
from urllib.parse import quote

import grpc
import requests
import tenacity

from serving.client.access import OPEN, Access
from serving.client.recommendation import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    RETRIED,
    Question,
    Recommendation,
    RecommendError,
    answer,
    explain,
    fallback_answers,
    headers,
    padded,
)

_START_COMMAND = "dimerec serve --model-base-path DIR --rest-api-port 8501"
_CODES: dict[int, grpc.StatusCode] = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.NOT_IMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    HTTPStatus.BAD_GATEWAY: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class RestRecommendClient:
    """Asks one model of one server over REST. Threads may share it; use it as a context manager or call `close`.

    Calls that find no server, or one that is overloaded, are repeated after growing pauses, within their deadline.

    Args:
        address: `host:port` of the REST server, or its URL, such as `https://recommender.example`.
        model_name: of the model on it.
        timeout_seconds: until a server that sends nothing is given up, repetitions included.
        fallback: item ids, best first, to answer with when the server is away, overloaded or late; empty to raise.
        access: TLS and token; a URL says itself whether TLS is spoken.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        timeout_seconds: float = 10.0,
        fallback: Sequence[str] = (),
        access: Access = OPEN,
    ) -> None:
        self._address = address
        self._model_url = f"{access.url(address)}/v1/models/{quote(model_name, safe='')}"
        self._timeout_seconds = timeout_seconds
        self._fallback = tuple(fallback)
        self._session = access.session()

    def __enter__(self) -> "RestRecommendClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        exclude: Sequence[str] = (),
        filter_seen: bool = False,
        version: int | None = None,
        experiment_bucket: str = "",
        user_id: str = "",
        allow: Sequence[str] | None = None,
        num_steps: int | None = None,
        seed: int | None = None,
    ) -> list[Recommendation]:
        """Asks for what comes next after each history; as `RecommendClient.recommend`, with the same errors."""
        question = Question(histories, k, exclude, filter_seen, allow, num_steps, seed)
        if not histories:
            return []
        end = monotonic() + self._timeout_seconds
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_retried),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS) | tenacity.stop_before_delay(self._timeout_seconds),
            reraise=True,
        )
        try:
            return retrying(self._ask, _inputs(question), version, headers(experiment_bucket, user_id), end)
        except RecommendError as error:
            return fallback_answers(question, self._fallback, error)

    def _ask(
        self, inputs: dict[str, Any], version: int | None, sent_headers: dict[str, str], end: float
    ) -> list[Recommendation]:
        url = f"{self._model_url}{'' if version is None else f'/versions/{version}'}:predict"
        left = max(0.001, end - monotonic())
        try:
            response = self._session.post(url, json={"inputs": inputs}, headers=sent_headers, timeout=left)
        except requests.Timeout as error:
            raise self._explain(grpc.StatusCode.DEADLINE_EXCEEDED, str(error)) from error
        except requests.RequestException as error:
            raise self._explain(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        if not response.ok:
            code = _CODES.get(response.status_code, grpc.StatusCode.UNKNOWN)
            raise self._explain(code, _reason(response))
        try:
            outputs = response.json()["outputs"]
            rows = zip(outputs["item_ids"], outputs["scores"], outputs["cold_start"], strict=True)
            return [answer(*row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            details = f"its answer holds no recommendations: {response.text[:200]}"
            raise self._explain(grpc.StatusCode.UNKNOWN, details) from error

    def _explain(self, code: grpc.StatusCode, details: str) -> RecommendError:
        return explain(code, details, self._address, self._timeout_seconds, _START_COMMAND)


def _is_retried(error: BaseException) -> bool:
    return isinstance(error, RecommendError) and error.code in RETRIED


def _inputs(question: Question) -> dict[str, Any]:
    """Every input has a row for each history, as TF Serving's batching asks; what is not asked is not sent."""
    batch = len(question.histories)
    inputs: dict[str, Any] = {
        "history_item_ids": padded(question.histories),
        "k": [question.k] * batch,
        "exclude_item_ids": padded([question.exclude] * batch),
        "filter_seen": [question.filter_seen] * batch,
    }
    if question.allow is not None:
        inputs["allow_item_ids"] = padded([question.allow] * batch)
    if question.num_steps is not None:
        inputs["num_steps"] = [question.num_steps] * batch
    if question.seed is not None:
        inputs["seed"] = [question.seed] * batch
    return inputs


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {response.status_code}, {response.text[:200]}"

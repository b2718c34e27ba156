"""A REST client for the recommender; unlike the gRPC client it needs no TensorFlow."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from time import monotonic
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
    Recommendation,
    RecommendError,
    Rows,
    Version,
    answer,
)
from serving.client.recommender import Recommender

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


class RestRecommendClient(Recommender):
    """A `Recommender` over REST.

    Args:
        address: `host:port` of the REST server, or its URL, such as `https://recommender.example`.
        model_name: of the model on it.
        timeout_seconds: until a server that sends nothing is given up, repetitions included.
        fallback: item ids, best first, to answer with when the server is away, overloaded or late; empty to raise.
        access: TLS and token; a URL says itself whether TLS is spoken.
    """

    start_command = "dimerec serve --model-base-path DIR --rest-api-port 8501"

    def __init__(
        self,
        address: str,
        model_name: str,
        timeout_seconds: float = 10.0,
        fallback: Sequence[str] = (),
        access: Access = OPEN,
    ) -> None:
        super().__init__(address, timeout_seconds, fallback)
        self._model_url = f"{access.url(address)}/v1/models/{quote(model_name, safe='')}"
        self._session = access.session()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _ask(
        self, rows_of_inputs: Mapping[str, Rows], version: Version, sent: Mapping[str, str]
    ) -> list[Recommendation]:
        end = monotonic() + self._timeout_seconds
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_retried),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS) | tenacity.stop_before_delay(self._timeout_seconds),
            reraise=True,
        )
        return retrying(self._ask_once, rows_of_inputs, version, sent, end)

    def _ask_once(
        self, rows_of_inputs: Mapping[str, Rows], version: Version, sent: Mapping[str, str], end: float
    ) -> list[Recommendation]:
        url = f"{self._model_url}{_place(version)}:predict"
        left = max(0.001, end - monotonic())
        try:
            response = self._session.post(url, json={"inputs": rows_of_inputs}, headers=sent, timeout=left)
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


def _is_retried(error: BaseException) -> bool:
    return isinstance(error, RecommendError) and error.code in RETRIED


def _place(version: Version) -> str:
    if version is None:
        return ""
    return f"/labels/{quote(version, safe='')}" if isinstance(version, str) else f"/versions/{version}"


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {response.status_code}, {response.text[:200]}"

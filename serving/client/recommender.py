"""What both clients do alike: check the question, ask, and fall back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, TypeVar

import grpc

from serving.client.recommendation import (
    Question,
    Recommendation,
    RecommendError,
    Rows,
    Version,
    explain,
    fallback_answers,
    headers,
    inputs,
)

_Self = TypeVar("_Self", bound="Recommender")


class Recommender(ABC):
    """Asks one model of one server. Threads may share it; use it as a context manager or call `close`.

    Calls that find no server, or one that is overloaded, are repeated after growing pauses, within their deadline.
    """

    start_command: ClassVar[str]

    def __init__(self, address: str, timeout_seconds: float, fallback: Sequence[str]) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._fallback = tuple(fallback)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        exclude: Sequence[str] = (),
        filter_seen: bool = False,
        version: Version = None,
        experiment_bucket: str = "",
        user_id: str = "",
        allow: Sequence[str] | None = None,
        num_steps: int | None = None,
        seed: int | None = None,
        allow_categories: Sequence[str] | None = None,
        diversity_weight: float | None = None,
    ) -> list[Recommendation]:
        """Asks for what comes next after each history.

        Args:
            histories: item ids of each user, oldest first; one may be empty.
            k: how many items each user gets.
            exclude: item ids that nobody gets.
            filter_seen: whether users get nothing of their own history.
            version: of the model, a number or a label such as `stable`, None for the newest.
            experiment_bucket: ASCII text for the server's request log, '' for none.
            user_id: the same; experiments are reported by it.
            allow: item ids of which alone everybody gets, None for all.
            num_steps: of the model's reverse walk, None for its own number.
            seed: of the reverse walk, None for the model's own.
            allow_categories: names of which items must have one at least, None for all items. What `allow` says holds
                as well.
            diversity_weight: 0 or more, what a pair of a list's items without a common category is worth in scores;
                None for nothing. An older export knows none of the last five.

        Returns:
            An answer for each history, in the same order.

        Raises:
            RecommendError: the server refuses the request, or is away or late and there is no fallback, which there is
                not for some categories alone.
            QuestionError: `allow` or `allow_categories` names nothing, or the weight is negative or not finite.
            TypeError: one of them, a history or `exclude` is a string instead of a sequence.
        """
        question = Question(
            histories, k, exclude, filter_seen, allow, num_steps, seed, allow_categories, diversity_weight
        )
        if not histories:
            return []
        try:
            return self._ask(inputs(question), version, headers(experiment_bucket, user_id))
        except RecommendError as error:
            return fallback_answers(question, self._fallback, error)

    @abstractmethod
    def close(self) -> None:
        """Closes the connections."""

    @abstractmethod
    def _ask(
        self, rows_of_inputs: Mapping[str, Rows], version: Version, sent: Mapping[str, str]
    ) -> list[Recommendation]:
        """Sends inputs by alias with HTTP headers or gRPC metadata; RecommendError if nothing comes of it."""

    def _explain(self, code: grpc.StatusCode, details: str) -> RecommendError:
        return explain(code, details, self._address, self._timeout_seconds, self.start_command)

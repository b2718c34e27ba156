"""What both clients share: the answer, the error, and what to answer when the server is away."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from dimerec_tf.errors import DimeRecError

MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
Rows = list[list[str]] | list[int] | list[bool] | list[float]
Version = int | str | None
_AWAY = {*RETRIED, grpc.StatusCode.DEADLINE_EXCEEDED}
_ASSERTION = re.compile(r"assertion failed: \[(.+?)\]( \[|$)")


def headers(experiment_bucket: str, user_id: str) -> dict[str, str]:
    """What the server's request log is told beside the request."""
    given = {"x-experiment-bucket": experiment_bucket, "x-user-id": user_id}
    return {name: text for name, text in given.items() if text}


class RecommendError(DimeRecError):
    """A call that brought no recommendations; the message is a sentence, `code` the gRPC status."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Recommendation:
    """The answer for one history, best first.

    Attributes:
        item_ids: at most `k` ids; fewer when the catalogue ran out.
        scores: one for each id.
        cold_start: true where no item of the history was known and the answer is the most popular items.
        fallback: true where the server was away and the answer is from the client's own list.
    """

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    cold_start: bool
    fallback: bool = False


class QuestionError(DimeRecError, ValueError):
    """A question that no server is asked; the message says why."""


@dataclass(frozen=True)
class Question:
    """What a client asks, checked.

    Attributes:
        histories: item ids of each user, oldest first; one may be empty.
        k: how many items each user gets.
        exclude: item ids that nobody gets.
        filter_seen: whether users get nothing of their own history.
        allow: item ids of which alone everybody gets, None for all.
        num_steps: of the model's reverse walk, None for its own number.
        seed: of the reverse walk, None for the model's own.
        allow_categories: names of which items must have one at least, None for all items.
        diversity_weight: what a pair without a common category is worth in scores, None for nothing.

    Raises:
        QuestionError: `allow` or `allow_categories` names nothing, so that nothing could be recommended, or the weight
            is negative or not finite.
        TypeError: one of them, a history or `exclude` is a string instead of a sequence.
    """

    histories: Sequence[Sequence[str]]
    k: int
    exclude: Sequence[str]
    filter_seen: bool
    allow: Sequence[str] | None = None
    num_steps: int | None = None
    seed: int | None = None
    allow_categories: Sequence[str] | None = None
    diversity_weight: float | None = None

    def __post_init__(self) -> None:
        if any(isinstance(ids, str) for ids in (*self.histories, self.exclude, self.allow, self.allow_categories)):
            raise TypeError(
                "A history, `exclude`, `allow` and `allow_categories` must be sequences such as ['50', '181'], "
                "not one string."
            )
        if self.allow is not None and not any(self.allow):
            raise QuestionError("`allow` holds no item id, so nothing could be recommended. Leave it out to allow all.")
        if self.allow_categories is not None and not any(self.allow_categories):
            raise QuestionError(
                "`allow_categories` holds no name, so nothing could be recommended. Leave it out to allow all."
            )
        if not 0 <= (self.diversity_weight or 0) < math.inf:
            raise QuestionError(f"`diversity_weight` must be a finite number, 0 or more, got {self.diversity_weight}.")


def inputs(question: Question) -> dict[str, Rows]:
    """Every input has a row for each history, as TF Serving's batching asks; what is not asked is not sent."""
    batch = len(question.histories)
    asked: dict[str, Rows | None] = {
        "history_item_ids": padded(question.histories),
        "k": [question.k] * batch,
        "exclude_item_ids": padded([question.exclude] * batch),
        "filter_seen": [question.filter_seen] * batch,
        "allow_item_ids": None if question.allow is None else padded([question.allow] * batch),
        "allow_categories": None if question.allow_categories is None else padded([question.allow_categories] * batch),
        "diversity_weight": None if question.diversity_weight is None else [float(question.diversity_weight)] * batch,
        "num_steps": None if question.num_steps is None else [question.num_steps] * batch,
        "seed": None if question.seed is None else [question.seed] * batch,
    }
    return {alias: rows for alias, rows in asked.items() if rows is not None}


def padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of one length, at least 1: shorter ones are filled up with ''."""
    width = max(1, *(len(row) for row in rows))
    return [[*row, *[""] * (width - len(row))] for row in rows]


def answer(item_ids: Sequence[str], scores: Sequence[float], cold_start: bool) -> Recommendation:
    """One row of a model's answer, without the '' that fill it up."""
    kept = [(item, float(score)) for item, score in zip(item_ids, scores, strict=True) if item]
    return Recommendation(tuple(item for item, _ in kept), tuple(score for _, score in kept), bool(cold_start))


def fallback_answers(question: Question, fallback: Sequence[str], error: RecommendError) -> list[Recommendation]:
    """The best of a list for each history, with 1 / rank as score; of any categories, so without diversity.

    Raises:
        RecommendError: the given one, if the list is empty, the server answered and refused, or only some categories
            are allowed, of which the list knows nothing.
    """
    if not fallback or error.code not in _AWAY or question.allow_categories is not None:
        raise error
    answers = []
    for history in question.histories:
        blocked = {*question.exclude, *(history if question.filter_seen else ())}
        open_items = set(fallback if question.allow is None else question.allow) - blocked
        kept = [(item, 1 / rank) for rank, item in enumerate(fallback, start=1) if item in open_items][: question.k]
        items, scores = tuple(item for item, _ in kept), tuple(score for _, score in kept)
        answers.append(Recommendation(items, scores, cold_start=False, fallback=True))
    return answers


def explain(
    code: grpc.StatusCode, details: str, address: str, timeout_seconds: float, start_command: str
) -> RecommendError:
    """The error for a status, in a sentence that says what to do."""
    if code is grpc.StatusCode.UNAVAILABLE:
        message = (
            f"No server answers at {address}. Start one with `{start_command}`, name the right address, or, if it asks "
            f"for TLS, give what it asks for. The reason given: {details}"
        )
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        message = f"{address} did not answer within {timeout_seconds:g} s. Is it overloaded?"
    elif code is grpc.StatusCode.NOT_FOUND:
        message = (
            f"{address} does not serve what was asked for: {details}. Check the model's name and version, "
            "and in the server's log whether it has loaded."
        )
    else:
        message = f"{address} refused the request ({code.name}): {_sentence(details)}"
    return RecommendError(message, code)


def _sentence(details: str) -> str:
    """The sentence of a check in the model's graph, without the numbers TensorFlow puts around it."""
    found = _ASSERTION.search(details)
    return found.group(1) if found else details

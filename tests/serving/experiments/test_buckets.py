"""Users are split the same way everywhere, by the weights, and anew for every salt."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from dimerec_tf.errors import DimeRecError
from serving.experiments.buckets import Bucket, Experiment, parse_buckets

USERS = [f"user-{number}" for number in range(20_000)]
FROZEN = "baacccacbacabbabbbba"
SALTS = ["walk-2-steps", "diversity.v2", "A", "b_c"]


def experiment(salt: str, **weights: float) -> Experiment:
    return Experiment(salt=salt, buckets=tuple(Bucket(name=name, weight=weight) for name, weight in weights.items()))


def split(made: Experiment) -> list[str]:
    return [made.bucket_of(user) for user in USERS]


@pytest.mark.parametrize("salt", SALTS)
def test_buckets_get_their_weights(salt: str) -> None:
    weights = {"control": 7.0, "b": 2.0, "c": 1.0}
    names, counts = np.unique(split(experiment(salt, **weights)), return_counts=True)
    expected = [len(USERS) * weights[name] / 10 for name in names]
    assert set(names) == set(weights)
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_places_are_uniform() -> None:
    hundred = experiment("uniform", **{f"b{number:02}": 1.0 for number in range(100)})
    _, counts = np.unique(split(hundred), return_counts=True)
    assert len(counts) == 100
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("salts", list(pairwise(SALTS)))
def test_salts_split_independently(salts: tuple[str, str]) -> None:
    splits = [np.array(split(experiment(salt, a=1, b=1, c=2))) for salt in salts]
    table = [[np.sum((splits[0] == one) & (splits[1] == two)) for two in "abc"] for one in "abc"]
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_the_documented_formula_gives_the_same_bucket() -> None:
    made = experiment("walk-2-steps", control=9, treatment=1)
    for user in [*USERS[:200], "ü:x", "a b"]:
        digest = hashlib.sha256(b"walk-2-steps:" + user.encode()).hexdigest()
        assert made.bucket_of(user) == ("control" if int(digest[:16], 16) / 16**16 < 0.9 else "treatment")


def test_answers_do_not_change_between_releases() -> None:
    made = experiment("frozen", a=1, b=1, c=1)
    assert "".join(made.bucket_of(str(number)) for number in range(20)) == FROZEN


def test_a_growing_treatment_keeps_its_users() -> None:
    small, large = (split(experiment("grow", control=10 - weight, treatment=weight)) for weight in (1, 3))
    assert all(later == "treatment" for before, later in zip(small, large, strict=True) if before == "treatment")
    assert large.count("treatment") > small.count("treatment")


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(DimeRecError, match="user id is empty"):
        experiment("x", a=1, b=1).bucket_of("")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a=1", "b"], "got 'b'"),
        (["a=1", "b=x"], "got 'b=x'"),
        (["a=1", "b=0"], "got 'b=0'"),
        (["a=1", "b=inf"], "got 'b=inf'"),
        (["a=1", "b=nan"], "got 'b=nan'"),
        (["a=1", "b c=1"], "got 'b c=1'"),
        (["a=1"], "two buckets or more"),
        (["a=1", "a=2"], "different names"),
    ],
)
def test_unusable_buckets_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(DimeRecError, match=message):
        parse_buckets(texts)


def test_buckets_keep_their_order() -> None:
    assert parse_buckets(["b=0.9", "a=.1"]) == (Bucket(name="b", weight=0.9), Bucket(name="a", weight=0.1))


def test_an_experiment_checks_itself() -> None:
    with pytest.raises(ValidationError, match="a was given twice"):
        Experiment(salt="s", buckets=(Bucket(name="a", weight=1), Bucket(name="a", weight=1)))
    with pytest.raises(ValidationError):
        experiment("a:b", a=1, b=1)

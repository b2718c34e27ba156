"""Sample sizes against textbook figures and the exact power of the tests."""

import numpy as np
import pytest
from scipy import stats

from dimerec_tf.errors import DimeRecError
from serving.experiments.power import (
    Arms,
    Design,
    effect_for_means,
    effect_for_proportions,
    users_for_means,
    users_for_proportions,
)

DESIGN = Design()


def exact_power(baseline: float, treated: float, arms: Arms, significance: float) -> float:
    """Sums the probability of every pair of counts that the pooled z-test rejects."""
    counts = [np.arange(users + 1) for users in (arms.control, arms.treatment)]
    rates = counts[0][:, None] / arms.control, counts[1][None, :] / arms.treatment
    pooled = (counts[0][:, None] + counts[1][None, :]) / (arms.control + arms.treatment)
    error = np.sqrt(pooled * (1 - pooled) * (1 / arms.control + 1 / arms.treatment))
    rejected = np.abs(rates[1] - rates[0]) > stats.norm.isf(significance / 2) * error
    chances = [
        stats.binom.pmf(*pair) for pair in ((counts[0], arms.control, baseline), (counts[1], arms.treatment, treated))
    ]
    return float(chances[0] @ rejected @ chances[1])


def test_the_textbook_size_for_ten_against_twelve_percent() -> None:
    """Fleiss, Levin and Paik's formula without continuity correction: 3,841 in each arm."""
    assert users_for_proportions(0.10, 0.02, DESIGN) == Arms(3841, 3841)


@pytest.mark.parametrize(
    ("baseline", "effect", "design"),
    [
        (0.3, 0.1, Design()),
        (0.3, -0.1, Design()),
        (0.5, 0.12, Design(significance=0.01, power=0.9)),
        (0.4, 0.12, Design(treatment_share=0.3)),
    ],
)
def test_rates_are_found_as_often_as_asked_for(baseline: float, effect: float, design: Design) -> None:
    arms = users_for_proportions(baseline, effect, design)
    assert exact_power(baseline, baseline + effect, arms, design.significance) == pytest.approx(design.power, abs=0.015)
    assert arms.treatment / (arms.control + arms.treatment) == pytest.approx(design.treatment_share, abs=0.005)


@pytest.mark.parametrize("design", [Design(), Design(0.01, 0.95), Design(treatment_share=0.1)])
def test_means_are_found_as_often_as_asked_for(design: Design) -> None:
    """The exact power of the t-test, by the noncentral t distribution."""
    arms = users_for_means(2.0, 0.25, design)
    freedom = arms.control + arms.treatment - 2
    shift = 0.25 / (2.0 * np.sqrt(1 / arms.control + 1 / arms.treatment))
    limit = stats.t.isf(design.significance / 2, freedom)
    found = stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift)
    assert found == pytest.approx(design.power, abs=0.005)


@pytest.mark.parametrize("design", [Design(), Design(0.1, 0.9, 0.2)])
@pytest.mark.parametrize("users", [500, 40_000, 10**9])
def test_the_effect_for_users_is_the_inverse(users: int, design: Design) -> None:
    rate = effect_for_proportions(0.05, users, design)
    mean = effect_for_means(3.0, users, design)
    for arms in (users_for_proportions(0.05, rate, design), users_for_means(3.0, mean, design)):
        assert arms.control + arms.treatment == pytest.approx(users, rel=1e-6, abs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: users_for_proportions(0, 0.1, DESIGN), "baseline rate must be between 0 and 1, got 0"),
        (lambda: users_for_proportions(0.5, 0.5, DESIGN), "got 0.5 and 0.5"),
        (lambda: users_for_proportions(0.5, 0, DESIGN), "got 0.5 and 0"),
        (lambda: users_for_means(0, 1, DESIGN), "deviation must be above 0"),
        (lambda: users_for_means(float("nan"), 1, DESIGN), "deviation must be above 0"),
        (lambda: users_for_means(1, 0, DESIGN), "must not be 0"),
        (lambda: effect_for_proportions(0.5, 4, DESIGN), "4 users cannot show any increase"),
        (lambda: effect_for_means(1, 1, DESIGN), "got 1 in all"),
        (lambda: Design(significance=0), "significance must be between 0 and 1"),
        (lambda: Design(power=0.05), "power must be above significance"),
        (lambda: Design(treatment_share=1), "treatment_share must be between 0 and 1"),
    ],
)
def test_what_cannot_be_planned_is_refused(call: object, message: str) -> None:
    with pytest.raises(DimeRecError, match=message):
        call()  # type: ignore[operator]

"""Differences between two buckets with their confidence intervals and p-values."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Difference:
    """Treatment less control: `low` to `high` is the confidence interval, `p_value` two-sided."""

    value: float
    low: float
    high: float
    p_value: float


def proportion_difference(control: tuple[int, int], treatment: tuple[int, int], confidence: float) -> Difference:
    """Difference of two proportions: Newcombe's interval from Wilson's limits, p-value of the pooled z-test.

    Args:
        control: successes and users, at least one.
        treatment: likewise.
        confidence: of the interval, such as 0.95.
    """
    (hits_c, users_c), (hits_t, users_t) = control, treatment
    rate_c, rate_t = hits_c / users_c, hits_t / users_t
    limits_c, limits_t = (
        stats.binomtest(hits, users).proportion_ci(confidence, method="wilson") for hits, users in (control, treatment)
    )
    value = rate_t - rate_c
    pooled = (hits_c + hits_t) / (users_c + users_t)
    error = sqrt(pooled * (1 - pooled) * (1 / users_c + 1 / users_t))
    return Difference(
        value,
        value - sqrt((rate_t - limits_t.low) ** 2 + (limits_c.high - rate_c) ** 2),
        value + sqrt((limits_t.high - rate_t) ** 2 + (rate_c - limits_c.low) ** 2),
        _p_value(value, error),
    )


def ratio_difference(
    control: tuple[np.ndarray, np.ndarray], treatment: tuple[np.ndarray, np.ndarray], confidence: float
) -> Difference:
    """Difference of two ratios of sums, such as clicks / impressions, where the users are what was drawn at random.

    The impressions of one user depend on one another, so the error comes from the users: the delta method.

    Args:
        control: numerators and denominators, `[users]` each, at least two users and a positive sum of denominators.
        treatment: likewise.
        confidence: of the interval, such as 0.95.
    """
    (ratio_c, variance_c), (ratio_t, variance_t) = (_ratio(*values) for values in (control, treatment))
    value, error = ratio_t - ratio_c, sqrt(variance_c + variance_t)
    margin = float(stats.norm.isf((1 - confidence) / 2)) * error
    return Difference(value, value - margin, value + margin, _p_value(value, error))


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> tuple[float, float]:
    """A ratio of sums and its variance."""
    ratio = numerators.sum() / denominators.sum()
    residuals = numerators - ratio * denominators
    return float(ratio), float(residuals.var(ddof=1) / len(residuals) / denominators.mean() ** 2)


def _p_value(value: float, error: float) -> float:
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stats.norm.sf(abs(value) / error))

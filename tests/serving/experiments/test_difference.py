"""Differences against scipy's tests, a published interval and resampling."""

import numpy as np
import pytest
from scipy import stats

from serving.experiments.difference import proportion_difference, ratio_difference


def test_newcombes_published_interval() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, contrast a: 56/70 less 48/80, method 10."""
    found = proportion_difference((48, 80), (56, 70), 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("control", "treatment"), [((48, 80), (56, 70)), ((300, 9000), (390, 10_000)), ((0, 50), (9, 40))]
)
def test_the_p_value_is_that_of_the_chi_square_test(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    table = [[hits, users - hits] for hits, users in (control, treatment)]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert proportion_difference(control, treatment, 0.95).p_value == pytest.approx(expected)


@pytest.mark.parametrize("hits", [0, 50])
def test_no_difference_at_all_is_no_evidence(hits: int) -> None:
    found = proportion_difference((hits, 50), (hits, 50), 0.9)
    assert found.p_value == 1.0
    assert found.low < 0 < found.high


def users(generator: np.random.Generator, count: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Clicks and impressions of users who differ in how much they see and how readily they click."""
    shown = generator.poisson(8, count) + 1.0
    return generator.binomial(shown.astype(int), generator.beta(2, 2 / rate - 2, count)).astype(float), shown


def test_with_one_impression_each_it_is_a_difference_of_means() -> None:
    generator = np.random.default_rng(3)
    clicks = [generator.binomial(1, rate, size).astype(float) for rate, size in ((0.2, 700), (0.26, 500))]
    found = ratio_difference(*((values, np.ones_like(values)) for values in clicks), 0.95)
    error = np.sqrt(sum(values.var(ddof=1) / len(values) for values in clicks))
    value = clicks[1].mean() - clicks[0].mean()
    assert (found.value, found.low, found.high) == pytest.approx(
        (value, value - 1.959964 * error, value + 1.959964 * error)
    )
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(value) / error))


def test_the_interval_is_as_wide_as_resampled_users_say() -> None:
    generator = np.random.default_rng(5)
    groups = [users(generator, 900, 0.1), users(generator, 600, 0.12)]
    found = ratio_difference(*groups, 0.95)
    values = []
    for _ in range(2000):
        drawn = [generator.integers(0, len(clicks), len(clicks)) for clicks, _ in groups]
        ratios = [clicks[rows].sum() / shown[rows].sum() for (clicks, shown), rows in zip(groups, drawn, strict=True)]
        values.append(ratios[1] - ratios[0])
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(np.std(values), rel=0.06)
    clicks, shown = groups[0]
    pooled = clicks.sum() / shown.sum()
    naive = np.sqrt(pooled * (1 - pooled) / shown.sum())
    alone = ratio_difference((clicks, shown), (clicks, shown), 0.95)
    assert (alone.high - alone.low) / 2 / 1.959964 / np.sqrt(2) > 1.15 * naive, "clicks of one user are not independent"


def test_nothing_is_found_where_nothing_is_as_often_as_agreed() -> None:
    generator = np.random.default_rng(7)
    p_values = [ratio_difference(*(users(generator, 300, 0.1) for _ in range(2)), 0.95).p_value for _ in range(600)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001

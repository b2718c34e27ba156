"""Noise schedules against formulas written down again."""

import math

import numpy as np
import pytest

from dimerec_tf.config_model import DiffusionConfig
from dimerec_tf.diffusion.schedule import NoiseSchedule, build_schedule

KINDS = ["scaled_linear", "truncated_linear", "cosine", "sqrt", "exponential"]


def _betas(schedule: NoiseSchedule) -> np.ndarray:
    return 1 - schedule.signal[1:] / schedule.signal[:-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_steps", [5, 50, 1000])
def test_signal_falls_from_one_without_reaching_zero(kind: str, num_steps: int) -> None:
    signal = build_schedule(DiffusionConfig(schedule=kind, num_steps=num_steps)).signal
    assert signal.dtype == np.float64 and signal.shape == (num_steps + 1,)
    assert signal[0] == 1 and signal[-1] > 0
    assert (np.diff(signal) < 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_little_signal_is_left_at_the_end(kind: str) -> None:
    assert build_schedule(DiffusionConfig(schedule=kind)).signal[-1] < 0.01 or kind == "truncated_linear"


def test_cosine() -> None:
    expected = [math.cos((t / 50 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(51)]
    np.testing.assert_allclose(
        build_schedule(DiffusionConfig(schedule="cosine")).signal[:-1], np.array(expected[:-1]) / expected[0]
    )


def test_sqrt() -> None:
    expected = np.array([1 - math.sqrt(t / 50 + 1e-4) for t in range(50)])
    np.testing.assert_allclose(build_schedule(DiffusionConfig(schedule="sqrt")).signal[:-1], expected / expected[0])


def test_exponential_is_the_variance_preserving_process_with_rates_from_a_tenth_to_ten() -> None:
    betas = _betas(build_schedule(DiffusionConfig(schedule="exponential")))
    for index in range(50):
        x = 1 + index * 100 / 49
        assert betas[index] == pytest.approx(1 - math.exp(-0.1 / 50 - x * 9.9 / 2 / 2500))


@pytest.mark.parametrize(("num_steps", "last"), [(1000, 0.03), (50, 0.41), (5, 0.21)])
def test_truncated_linear_flattens_where_it_would_pass_one(num_steps: int, last: float) -> None:
    betas = _betas(build_schedule(DiffusionConfig(schedule="truncated_linear", num_steps=num_steps)))
    assert betas[0] == pytest.approx(1000 / num_steps * 1e-4 + 0.01)
    assert betas[-1] == pytest.approx(last)
    np.testing.assert_allclose(np.diff(betas), np.diff(betas)[0])

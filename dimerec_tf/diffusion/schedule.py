"""Noise schedules as tables of T + 1 numbers in float64; index 0 is the clean state (abar_0 = 1)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config_model import DiffusionConfig
from dimerec_tf.named_parts import SCHEDULES, find

Table = NDArray[np.float64]
MAX_BETA = 0.999


@dataclass(frozen=True)
class ReverseStep:
    """One step of the reverse walk from step `t` to `previous` (DDPM's posterior; `previous` = t - 1 unless strided).

    The mean is `from_clean * x0_hat + from_noised * x_t`; `variance` is btil_t.
    """

    t: int
    from_clean: float
    from_noised: float
    variance: float


@dataclass(frozen=True)
class NoiseSchedule:
    """The cumulative signal share abar_0..abar_T; everything else derives from it."""

    signal: Table

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.signal) - 1

    def reverse_steps(self, count: int | None = None) -> list[ReverseStep]:
        """The steps of Algorithm 2 from T down, all of them or `count` evenly strided ones.

        Raises:
            ValueError: `count` is not within 1..T.
        """
        total = self.num_steps
        count = total if count is None else count
        if not 1 <= count <= total:
            raise ValueError(f"The reverse walk takes 1 to {total} steps, got {count}.")
        visited = np.round(np.linspace(total, 1, count)).astype(int) if count > 1 else np.array([total])
        return [self._step(int(t), int(previous)) for t, previous in zip(visited, [*visited[1:], 0], strict=True)]

    def _step(self, t: int, previous: int) -> ReverseStep:
        signal, before = self.signal[t], self.signal[previous]
        alpha = signal / before
        return ReverseStep(
            t=t,
            from_clean=float(np.sqrt(before) * (1 - alpha) / (1 - signal)),
            from_noised=float(np.sqrt(alpha) * (1 - before) / (1 - signal)),
            variance=float((1 - alpha) * (1 - before) / (1 - signal)),
        )


def from_betas(betas: Table) -> NoiseSchedule:
    """Betas of steps 1..T; those near 1 are cut, so that no step loses everything."""
    return NoiseSchedule(np.concatenate([[1.0], np.cumprod(1 - betas.clip(max=MAX_BETA))]))


def from_signal(signal: Callable[[Table], Table], num_steps: int) -> NoiseSchedule:
    """From abar as a function of t/T in 0..1; consecutive ratios give the betas."""
    values = signal(np.linspace(0, 1, num_steps + 1, dtype=np.float64))
    return from_betas(1.0 - values[1:] / values[:-1])


def scaled_linear(config: DiffusionConfig) -> NoiseSchedule:
    """DDPM's linear betas, scaled by 1000/T so that abar_T is close to 0 for any T."""
    scale = 1000 / config.num_steps
    ends = config.beta_start * scale, config.beta_end * scale
    return from_betas(np.linspace(*ends, config.num_steps, dtype=np.float64))


def truncated_linear(config: DiffusionConfig) -> NoiseSchedule:
    """DiffuRec's: scaled linear betas raised by 0.01; where they would pass 1 the last one is a twentieth as steep."""
    scale = 1000 / config.num_steps
    first, last = scale * config.beta_start + 0.01, scale * config.beta_end + 0.01
    if last > 1:
        last = scale * config.beta_end / 20 + 0.01
    return from_betas(np.linspace(first, last, config.num_steps, dtype=np.float64))


def cosine(config: DiffusionConfig) -> NoiseSchedule:
    """abar = cos^2 of a quarter turn, with an offset of 0.008."""
    return from_signal(lambda share: np.cos((share + 0.008) / 1.008 * np.pi / 2) ** 2, config.num_steps)


def sqrt(config: DiffusionConfig) -> NoiseSchedule:
    """abar = 1 - sqrt(t/T + 1e-4): much noise early."""
    return from_signal(lambda share: np.maximum(1 - np.sqrt(share + 1e-4), 1e-12), config.num_steps)


def exponential(config: DiffusionConfig) -> NoiseSchedule:
    """DreamRec's: beta = 1 - exp(-0.1/T - x (10 - 0.1) / (2 T^2)), x from 1 to 2T + 1."""
    num_steps = config.num_steps
    x = np.linspace(1, 2 * num_steps + 1, num_steps, dtype=np.float64)
    return from_betas(1 - np.exp(-0.1 / num_steps - x * 0.5 * (10 - 0.1) / num_steps**2))


def build_schedule(config: DiffusionConfig) -> NoiseSchedule:
    """The schedule that a configuration names."""
    schedule: NoiseSchedule = find(SCHEDULES, config.schedule)(config)
    return schedule

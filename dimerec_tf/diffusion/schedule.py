"""Noise schedules as tables of T + 1 numbers in float64; index 0 is the clean state (abar_0 = 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import DiffusionConfig

Table = NDArray[np.float64]


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


def scaled_linear(num_steps: int, beta_start: float, beta_end: float) -> NoiseSchedule:
    """DDPM's linear betas, scaled by 1000/T so that abar_T is close to 0 for any T."""
    scale = 1000 / num_steps
    betas = np.linspace(beta_start * scale, beta_end * scale, num_steps, dtype=np.float64).clip(max=0.999)
    return NoiseSchedule(np.concatenate([[1.0], np.cumprod(1 - betas)]))


def build_schedule(config: DiffusionConfig) -> NoiseSchedule:
    return scaled_linear(config.num_steps, config.beta_start, config.beta_end)

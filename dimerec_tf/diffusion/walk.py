"""The geodesic random walk: noising a target (Algorithm 1) and denoising to an interest (Algorithm 2)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dimerec_tf.diffusion.schedule import ReverseStep
from dimerec_tf.diffusion.sphere import exponential_map, normalize, project_to_tangent

Denoise = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class ChosenSteps(NamedTuple):
    """The steps of one of several reverse walks; which one is known when the graph runs.

    Attributes:
        walks: the steps of each.
        choice: int32 scalar, the place of the one to take.
    """

    walks: Sequence[Sequence[ReverseStep]]
    choice: tf.Tensor


def walk_forward(clean: tf.Tensor, signal: tf.Tensor, noise: tf.Tensor, kind: str = "matched") -> tf.Tensor:
    """Noises vectors to a step of the schedule.

    `matched` moves a unit vector an angle of arccos sqrt(abar_t) in a random tangent direction:
    x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) v/|v|, with v the noise's part orthogonal to x0. That is the
    exponential map of that tangent, monotone in t, with cos(x_T, x0) = 0. `literal` walks sqrt(1 - abar_t) v as
    Algorithm 1 prints, which wraps round the sphere; `scaled` the same with the noise divided by sqrt(dim - 1).
    `gaussian` leaves the sphere: x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) noise.

    Args:
        clean: `[samples, dim]`, unit length but for `gaussian`.
        signal: `[samples]`, abar_t of each sample's step.
        noise: `[samples, dim]`, standard normal.
        kind: see above.

    Returns:
        `[samples, dim]`, unit length but for `gaussian`.
    """
    share = signal[:, tf.newaxis]
    if kind == "gaussian":
        return tf.sqrt(share) * clean + tf.sqrt(1 - share) * noise
    tangent = project_to_tangent(noise, clean)
    if kind == "matched":
        return tf.sqrt(share) * clean + tf.sqrt(1 - share) * normalize(tangent)
    scale = {"literal": 1.0, "scaled": (clean.shape[-1] - 1) ** -0.5}[kind]
    return exponential_map(clean, tf.sqrt(1 - share) * scale * tangent)


def walk_reverse(
    denoise: Denoise,
    start: tf.Tensor,
    steps: Sequence[ReverseStep] | ChosenSteps,
    noise_kind: str = "matched",
    seed: int | tf.Tensor = 0,
    on_sphere: bool = True,
) -> tf.Tensor:
    """Denoises from x_T to the interest vector.

    The noise of a step is the same for every row of the batch, so that a user's answer does not depend on who else
    is in the batch.

    Args:
        denoise: `(x_t [batch, dim], t [batch]) -> x0_hat [batch, dim]`.
        start: `[batch, dim]`, x_T.
        steps: what to take, from T down; see `NoiseSchedule.reverse_steps`.
        noise_kind: `matched` (sqrt(btil) eps/sqrt(d) on the sphere, which reproduces the forward marginals, and
            sqrt(btil) eps off it), `literal` (btil eps, as printed) or `none`.
        seed: of the noise.
        on_sphere: whether each state is projected to unit length.

    Returns:
        The trajectory, `[count, batch, dim]`: the state after each step; the last one is e_u.
    """
    dim = start.shape[-1]

    def take_step(state: tf.Tensor, step: tuple[tf.Tensor, ...]) -> tf.Tensor:
        t, from_clean, from_noised, noise = step
        estimate = denoise(state, tf.fill(tf.shape(state)[:1], t))
        moved = from_clean * estimate + from_noised * state + noise[tf.newaxis]
        return normalize(moved) if on_sphere else moved

    t, from_clean, from_noised, noise_scale = _tables(steps, dim if on_sphere else 1, noise_kind, start.dtype)
    noise = noise_scale * tf.random.stateless_normal([tf.shape(t)[0], dim], [seed, 1], dtype=start.dtype)
    return tf.scan(take_step, (t, from_clean, from_noised, noise), initializer=start)


def walk_from_noise(
    denoise: Denoise,
    batch: tf.Tensor,
    dim: int,
    steps: Sequence[ReverseStep] | ChosenSteps,
    noise_kind: str,
    seed: int | tf.Tensor,
    on_sphere: bool,
    sample: int = 0,
) -> tf.Tensor:
    """The reverse walk from pure noise, see `walk_reverse`; all of a batch start from the same point.

    Args:
        batch: how many walks.
        dim: of the vectors.
        sample: each one has a start and noise of its own.
    """
    start = tf.random.stateless_normal([1, dim], [seed, 2 * sample])
    start = tf.repeat(normalize(start) if on_sphere else start, batch, axis=0)
    return walk_reverse(denoise, start, steps, noise_kind, seed + sample, on_sphere)


def _tables(
    steps: Sequence[ReverseStep] | ChosenSteps, spread: int, noise_kind: str, dtype: tf.DType
) -> list[tf.Tensor]:
    """t, the two factors `[count]` and the noise's scale `[count, 1]` of each step to take."""
    listed = [step for walk in steps.walks for step in walk] if isinstance(steps, ChosenSteps) else steps
    tables = [
        tf.constant([step.t for step in listed], tf.int32),
        tf.constant([step.from_clean for step in listed], dtype),
        tf.constant([step.from_noised for step in listed], dtype),
        tf.constant([[_noise_scale(step.variance, spread, noise_kind)] for step in listed], dtype),
    ]
    if not isinstance(steps, ChosenSteps):
        return tables
    ends = tf.constant(np.cumsum([0, *map(len, steps.walks)]), tf.int32)
    return [table[ends[steps.choice] : ends[steps.choice + 1]] for table in tables]


def _noise_scale(variance: float, spread: int, kind: str) -> float:
    return {"matched": (variance / spread) ** 0.5, "literal": variance, "none": 0.0}[kind]

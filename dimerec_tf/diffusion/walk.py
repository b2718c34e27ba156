"""The geodesic random walk: noising a target (Algorithm 1) and denoising to an interest (Algorithm 2)."""

from collections.abc import Callable

import tensorflow as tf

from dimerec_tf.diffusion.schedule import NoiseSchedule
from dimerec_tf.diffusion.sphere import normalize, project_to_tangent

Denoise = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def walk_forward(clean: tf.Tensor, signal: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Noises unit vectors by moving them an angle of arccos sqrt(abar_t) in a random tangent direction.

    x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) v/|v|, with v the noise's part orthogonal to x0: the exponential map of
    that tangent. The printed scale of Algorithm 1 wraps round the sphere; this one is monotone in t and reaches
    cos(x_T, x0) = 0.

    Args:
        clean: `[samples, dim]`, unit length.
        signal: `[samples]`, abar_t of each sample's step.
        noise: `[samples, dim]`, standard normal.

    Returns:
        `[samples, dim]`, unit length.
    """
    direction = normalize(project_to_tangent(noise, clean))
    share = signal[:, tf.newaxis]
    return tf.sqrt(share) * clean + tf.sqrt(1 - share) * direction


def walk_reverse(
    denoise: Denoise,
    start: tf.Tensor,
    schedule: NoiseSchedule,
    noise_kind: str = "matched",
    count: int | None = None,
    seed: int = 0,
) -> tf.Tensor:
    """Denoises from x_T to the interest vector.

    The noise of a step is the same for every row of the batch, so that a user's answer does not depend on who else
    is in the batch.

    Args:
        denoise: `(x_t [batch, dim], t [batch]) -> x0_hat [batch, dim]`.
        start: `[batch, dim]`, x_T on the sphere.
        schedule: the noise schedule.
        noise_kind: `matched` (sqrt(btil) eps/sqrt(d), which reproduces the forward marginals), `literal` (btil eps, as
            printed) or `none`.
        count: how many strided steps, T by default.
        seed: of the noise.

    Returns:
        The trajectory, `[count, batch, dim]`: the state after each step; the last one is e_u.
    """
    steps = schedule.reverse_steps(count)
    dim = start.shape[-1]

    def take_step(state: tf.Tensor, step: tuple[tf.Tensor, ...]) -> tf.Tensor:
        t, from_clean, from_noised, noise = step
        estimate = denoise(state, tf.fill(tf.shape(state)[:1], t))
        return normalize(from_clean * estimate + from_noised * state + noise[tf.newaxis])

    tables = (
        tf.constant([step.t for step in steps], tf.int32),
        tf.constant([step.from_clean for step in steps], start.dtype),
        tf.constant([step.from_noised for step in steps], start.dtype),
        tf.constant([[_noise_scale(step.variance, dim, noise_kind)] for step in steps], start.dtype)
        * tf.random.stateless_normal([len(steps), dim], [seed, 1], dtype=start.dtype),
    )
    return tf.scan(take_step, tables, initializer=start)


def _noise_scale(variance: float, dim: int, kind: str) -> float:
    return {"matched": (variance / dim) ** 0.5, "literal": variance, "none": 0.0}[kind]

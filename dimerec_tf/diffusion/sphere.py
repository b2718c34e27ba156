"""Pure functions on the unit sphere (paper section 3.3). Vectors lie in the last axis."""

import tensorflow as tf

EPSILON = 1e-12


def normalize(x: tf.Tensor) -> tf.Tensor:
    """Scales `[..., dim]` to unit length; the zero vector stays zero instead of becoming NaN."""
    return tf.math.l2_normalize(x, axis=-1, epsilon=EPSILON**2)


def project_to_tangent(vector: tf.Tensor, base: tf.Tensor) -> tf.Tensor:
    """Removes from `vector` its part along the unit vector `base`; both `[..., dim]`."""
    return vector - tf.reduce_sum(vector * base, axis=-1, keepdims=True) * base


def exponential_map(base: tf.Tensor, tangent: tf.Tensor) -> tf.Tensor:
    """Walks from the unit vector `base` along the geodesic `tangent`, as far as the tangent is long.

    exp_x(w) = cos|w| x + sin|w| w/|w|, guarded so that a zero tangent (and its gradient) stays finite.
    """
    length = tf.sqrt(tf.maximum(tf.reduce_sum(tangent**2, axis=-1, keepdims=True), EPSILON**2))
    return tf.cos(length) * base + tf.sin(length) * tangent / length


def random_points(shape: list, seed: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Points uniform on the sphere: normalised Gaussians of `shape` = `[..., dim]`; `seed` is `[2]`, stateless."""
    return normalize(tf.random.stateless_normal(shape, seed, dtype=dtype))

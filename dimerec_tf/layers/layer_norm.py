"""Layer normalisation that any number of threads may run at once."""

import tensorflow as tf


class LayerNorm(tf.keras.layers.LayerNormalization):
    """Keras's layer over the last axis, `[..., dim]`, out of plain ops, in float32 under any policy.

    Keras's own call runs the op FusedBatchNormV3, which in TensorFlow 2.16 with oneDNN corrupts the heap when two
    threads run it with different batch sizes: a model server would crash.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        values = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(values, axes=-1, keepdims=True)
        scale, offset = tf.cast(self.gamma, tf.float32), tf.cast(self.beta, tf.float32)
        normed = tf.nn.batch_normalization(values, mean, variance, offset, scale, self.epsilon)
        return tf.cast(normed, inputs.dtype)

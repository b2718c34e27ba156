"""Loads our package before TensorFlow, so that every test runs with Keras 2."""

from dimerec_tf.environment import silence_native_logs

silence_native_logs()

"""The request log: a sample of what was asked and answered, as tf.Examples for skew comparison and exposures."""

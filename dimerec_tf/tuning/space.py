"""The configured search space as KerasTuner has it."""

import keras_tuner

from dimerec_tf.config_tuning import RangeConfig, TuningConfig


def hyperparameters(tuning: TuningConfig) -> keras_tuner.HyperParameters:
    """The keys of the space with their values and ranges."""
    space = keras_tuner.HyperParameters()
    for key, values in tuning.space.items():
        if not isinstance(values, RangeConfig):
            space.Choice(key, list(values))
        elif values.whole:
            space.Int(key, values.low, values.high, sampling=values.scale)
        else:
            space.Float(key, values.low, values.high, sampling=values.scale)
    return space

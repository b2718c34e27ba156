"""The configured search space as KerasTuner has it."""

import keras_tuner

from dimerec_tf.config import Config, with_values
from dimerec_tf.config_tuning import RangeConfig, TuningConfig


def hyperparameters(config: Config, tuning: TuningConfig) -> keras_tuner.HyperParameters:
    """The keys of the space with their values and ranges.

    Raises:
        ConfigError: the configuration has no such key, or an end of a range or a value of a list is unusable there.
    """
    space = keras_tuner.HyperParameters()
    for key, values in tuning.space.items():
        ends = (values.low, values.high) if isinstance(values, RangeConfig) else values
        for value in ends:
            with_values(config, {key: value})
        if not isinstance(values, RangeConfig):
            space.Choice(key, list(values))
        elif values.whole:
            space.Int(key, values.low, values.high, sampling=values.scale)
        else:
            space.Float(key, values.low, values.high, sampling=values.scale)
    return space

"""What the data of a span must be like."""

from typing import Literal

from dimerec_tf.config_base import Fraction, Section


class WatchingConfig(Section):
    """What is compared before a training, and whether `anomalies` `stop` the pipeline or only `warn`.

    The newest span is compared with the one before it: the share that an item has of the events may differ by
    `max_drift`, and there must be at least `min_users` times as many users. The histories of the test split are
    compared with those that a server was asked about, if `request_log` names the directory of
    `dimerec serve --request-log-dir`: an item's share may differ by `max_skew`. All splits are compared with the
    reviewed schema.
    """

    anomalies: Literal["warn", "stop"] = "warn"
    max_drift: Fraction = 0.05
    min_users: Fraction = 0.5
    max_skew: Fraction = 0.05
    request_log: str = ""

"""What a rollout waits for and what it does not accept."""

from typing import Annotated

from pydantic import Field

from dimerec_tf.config_base import Fraction, PositiveInt, Section

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RolloutSettings(Section):
    """Limits of a rollout.

    Attributes:
        bake_seconds: how long the canary must serve within the limits.
        interval_seconds: between two looks at the metrics.
        load_seconds: how long the servers may take to load the version.
        min_requests: fewer within the bake time say nothing, so the version is rolled back.
        max_error_rate: of all requests, failed by the server's fault.
        max_p99_ms: 99th percentile of the latency.
    """

    bake_seconds: Seconds = 600.0
    interval_seconds: Seconds = 10.0
    load_seconds: Seconds = 300.0
    min_requests: PositiveInt = 1000
    max_error_rate: Fraction = 0.01
    max_p99_ms: Annotated[float, Field(gt=0)] = 100.0

"""What can go wrong while a version is rolled out."""

from dimerec_tf.errors import DimeRecError


class RolloutError(DimeRecError):
    """A server or its metrics did not do what the rollout needs."""

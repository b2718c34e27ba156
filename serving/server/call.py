"""Who waits for an answer, and how long."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import grpc

from serving.server.errors import RequestError

_LONGEST_SECONDS = 86_400.0  # gRPC gives a call without a deadline one that is centuries away


@dataclass(frozen=True)
class Call:
    """A caller who waits.

    Attributes:
        deadline: on the clock of `time.monotonic`, None for none.
        is_waiting: false once the caller has gone.
        when_over: takes what is to be called once the call has ended.
    """

    deadline: float | None = None
    is_waiting: Callable[[], bool] = lambda: True
    when_over: Callable[[Callable[[], None]], object] = lambda _: None

    @staticmethod
    def of(context: grpc.ServicerContext) -> "Call":
        """The call of a gRPC request."""
        seconds = context.time_remaining()
        endless = seconds is None or seconds > _LONGEST_SECONDS
        return Call(None if endless else monotonic() + seconds, context.is_active, context.add_callback)

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, 0 after it, None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - monotonic())

    def check(self) -> None:
        """Raises a `RequestError` if nobody waits for the answer any more."""
        if not self.is_waiting():
            raise RequestError(grpc.StatusCode.CANCELLED, "The caller went away before its request was started.")
        if self.seconds_left() == 0.0:
            raise too_late()


def too_late() -> RequestError:
    """What a caller hears whose deadline has passed."""
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed before there was an answer.")

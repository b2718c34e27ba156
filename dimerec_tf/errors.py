"""What all errors that a user can act on have in common."""

from typing import ClassVar


class DimeRecError(Exception):
    """An error whose message says what was received and what to do; the command line prints it as it is.

    `exit_code` is what the command then ends with.
    """

    exit_code: ClassVar[int] = 1

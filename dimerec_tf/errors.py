"""What all errors that a user can act on have in common."""

from typing import ClassVar

VERDICT_IS_NO = 3  # what a command ends with that did its work, with an answer that a person has to look at


class DimeRecError(Exception):
    """An error whose message says what was received and what to do; the command line prints it as it is.

    `exit_code` is what the command then ends with.
    """

    exit_code: ClassVar[int] = 1

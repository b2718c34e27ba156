"""What all errors that a user can act on have in common."""


class DimeRecError(Exception):
    """An error whose message says what was received and what to do; the command line prints it as it is."""

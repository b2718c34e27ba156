"""What somebody may have meant who typed a name that there is not."""

import difflib
from collections.abc import Iterable


def did_you_mean(typed: object, known: Iterable[str]) -> str:
    """` Did you mean 'learning_rate'?`, or nothing where no known name is like the typed one."""
    close = difflib.get_close_matches(str(typed), list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""

"""Signals that ask a process to end, taken as an event to look at."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_to_stop(*signals: signal.Signals) -> Iterator[threading.Event]:
    """An event that any of the signals sets for the time of the block.

    Python takes handlers in the main thread alone: in another one the event is never set, and signals do what they did.
    """
    stopping = threading.Event()
    heeded = signals if threading.current_thread() is threading.main_thread() else ()
    former = {number: signal.signal(number, lambda *_: stopping.set()) for number in heeded}
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

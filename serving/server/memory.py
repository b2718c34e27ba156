"""What a large request took goes back to the system, not to a heap that keeps it."""

import ctypes
import threading

LARGE_BYTES = 1024 * 1024
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; other libraries give memory back by themselves
_TRIMMING = threading.Lock()


def give_back(size: int) -> None:
    """Gives memory back if the message that was worked on is large.

    Args:
        size: its bytes.
    """
    if size >= LARGE_BYTES and _TRIM is not None and _TRIMMING.acquire(blocking=False):
        try:
            _TRIM(0)
        finally:
            _TRIMMING.release()

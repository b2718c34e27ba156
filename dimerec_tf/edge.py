"""Where a process ends: every error becomes a sentence and a status, and none is hidden.

What a person can act on is a sentence. A fault of the program is one, too, and its stack trace is in a file that the
sentence names. docs/command_line.md lists the statuses.
"""

import io
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from rich.text import Text

from dimerec_tf.errors import DimeRecError
from dimerec_tf.outside_errors import library_sentence, system_sentence
from dimerec_tf.terminal import say_aside

CANNOT = 1
FAULT = os.EX_SOFTWARE
INTERRUPTED = 130


@contextmanager
def catching_errors() -> Iterator[None]:
    """Ends the process with a sentence and a status, whatever goes wrong in the block.

    Characters that the output has not, as on a console of ASCII, are printed as escapes. A reader that has had enough,
    as in `dimerec ... | head`, is no error to speak of.

    Raises:
        SystemExit: with the status.
    """
    _print_what_can_be_printed()
    with _noticing_interrupts() as interrupts:
        try:
            yield
            sys.stdout.flush()
        except SystemExit as end:
            _end_as_asked(end)
        except BrokenPipeError:
            _leave(CANNOT)
        except BaseException as error:
            if interrupts or any(isinstance(link, KeyboardInterrupt) for link in _chain(error)):
                _leave(INTERRUPTED)  # whatever a library made of it
            sentence, status = _verdict(error)
            _say_error(sentence)
            if isinstance(error, ModuleNotFoundError):
                say_aside("hint: `dimerec doctor` says which packages are missing and how to install them.")
            _leave(status)


def _print_what_can_be_printed() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else it is of somebody else's making
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _noticing_interrupts() -> Iterator[list[int]]:
    """Ctrl-C raises KeyboardInterrupt, as ever, and is noticed: libraries turn it into errors of their own."""
    noticed: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        noticed.append(number)
        raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not (in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler):
        yield noticed
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _verdict(error: BaseException) -> tuple[str, int]:
    if isinstance(error, DimeRecError):
        return str(error), error.exit_code
    if isinstance(error, ImportError):
        return str(error), CANNOT
    if sentence := system_sentence(error):
        return sentence, CANNOT
    if sentence := library_sentence(error):
        return " ".join(part for part in (sentence, _kept_trace(error)) if part), CANNOT
    said = " ".join(str(error).split())[:300]
    trace = _kept_trace(error) or f"No file could be written for its stack trace:\n{_stack_trace(error)}"
    return f"This is a fault of the program, {type(error).__name__}: {said}. {trace}", FAULT


def _stack_trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _kept_trace(error: BaseException) -> str:
    """Writes the stack trace where it can be read later and says where; '' if it cannot be written."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="dimerec-", suffix=".trace", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(_stack_trace(error))
    except OSError:
        return ""
    return f"Its stack trace is in {file.name}."


def _say_error(sentence: str) -> None:
    with suppress(OSError):  # there is nobody to tell
        say_aside(Text.assemble(("error:", "bold red"), " ", sentence))


def _end_as_asked(end: SystemExit) -> NoReturn:
    """Ends with the status that was asked for, if all that was printed has arrived."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        if not end.code:
            _say_error(f"What was printed is not complete. {system_sentence(error)}")
            _leave(CANNOT)
    _let_go_of_output()
    raise end


def _leave(status: int) -> NoReturn:
    _let_go_of_output()
    sys.exit(status)


def _let_go_of_output() -> None:
    """Python complains of output that it cannot write, when it ends: nobody can read that either."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Keeps the libraries' chatter out of the terminal and in a log file; what people read and what programs read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import absl.logging
import typer
from rich.table import Table

from dimerec_tf.data.log_files import NOTICES
from dimerec_tf.log_lines import OneRecordEach
from dimerec_tf.terminal import say_aside

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@contextmanager
def stdout_for_programs(wanted: bool) -> Iterator[None]:
    """With `wanted`, what people are told goes to standard error for the time of the block."""
    if not wanted:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


class _LogFile(logging.FileHandler):
    """Says what the system refuses, such as a full disk, as everybody else who writes there does."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            raise
        super().handleError(record)


@contextmanager
def library_noise_in(log: Path) -> Iterator[None]:
    """Sends every Python log record to a file for the time of the block; errors go there too."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # TensorFlow lowers absl's verbosity for a moment and then puts back what it found: let that be INFO.
    absl.logging.set_verbosity(absl.logging.INFO)
    root = logging.getLogger()
    former_handlers, former_level = root.handlers[:], root.level
    handler = _LogFile(log, mode="a", encoding="utf-8")
    handler.setFormatter(OneRecordEach("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    quiet = [logging.getLogger(name) for name in ("absl", "tensorflow", "apache_beam")]
    former_quiet = [(logger.handlers[:], logger.propagate) for logger in quiet]
    root.handlers, root.level = [handler], logging.INFO
    for logger in quiet:
        logger.handlers, logger.propagate = [], True
    try:
        yield
    finally:
        root.handlers, root.level = former_handlers, former_level
        for logger, (handlers, propagate) in zip(quiet, former_quiet, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
        handler.close()


def show_notices() -> None:
    """Prints what people are told about a log that is read, on standard error."""
    NOTICES.setLevel(logging.INFO)
    NOTICES.addHandler(_Notices())


class _Notices(logging.Handler):
    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a line once where it comes several times in a row, as of a log that is read again."""
        said = record.getMessage()
        if said != self.last:
            say_aside(f"warning: {said}" if record.levelno >= logging.WARNING else said)
        self.last = said


def say_moved(former: Path | None) -> None:
    """Says, on standard error, that a workdir was moved, if it was."""
    if former:
        say_aside(f"This workdir was moved here from {former}: its runs are found, and the next run repeats all steps.")


def metric_table(title: str, metrics: dict[str, dict[str, float]]) -> Table:
    """A row for each model, floors first, a column for each metric, in percent."""
    table = Table(title=title)
    table.add_column("model")
    columns = list(next(iter(metrics.values())))
    for column in columns:
        table.add_column(column, justify="right")
    for model, values in metrics.items():
        table.add_row(model, *(f"{100 * values[column]:.2f}" for column in columns))
    return table

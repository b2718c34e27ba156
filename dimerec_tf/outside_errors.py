"""Sentences for errors of the system and of libraries, which know nothing of what a person asked for."""

import errno
import sys
from collections.abc import Iterator
from typing import Any

ADVICE = {
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "A part of the path is a file: check it.",
    errno.EISDIR: "A file is needed there: check the path.",
    errno.ELOOP: "Its links lead in a circle: check the path.",
    errno.EACCES: "Check who may read and write there.",
    errno.EPERM: "Check who may read and write there.",
    errno.EROFS: "Name a place that can be written to.",
    errno.ENOSPC: "Make room and start again.",
    errno.EDQUOT: "Make room and start again.",
    errno.EMFILE: "Raise the number of open files, `ulimit -n`, and start again.",
}
# Where a library keeps its errors, which one, and what it means. Only libraries that are loaded can have raised one.
LIBRARIES = (
    ("requests", "RequestException", "A server could not be asked"),
    ("urllib.error", "URLError", "A download failed"),
    ("grpc", "RpcError", "A server could not be asked"),
    ("csv", "Error", "A CSV file cannot be read"),
    ("pandas.errors", "ParserError", "A CSV file cannot be read"),
    ("pandas.errors", "EmptyDataError", "A CSV file cannot be read"),
    ("yaml", "YAMLError", "A YAML file cannot be read"),
    ("json", "JSONDecodeError", "A JSON text cannot be read"),
    ("pydantic", "ValidationError", "What a file holds cannot be used"),
    ("zipfile", "BadZipFile", "A zip file cannot be read"),
    ("zlib", "error", "A compressed file cannot be read"),
    ("lzma", "LZMAError", "A compressed file cannot be read"),
    ("pyarrow", "ArrowException", "A table cannot be read or written"),
    ("sqlite3", "Error", "A SQLite database cannot be used"),
    ("ml_metadata.errors", "StatusError", "The pipeline's metadata cannot be used"),
    ("google.protobuf.message", "Error", "A file or message cannot be read"),
    ("google.protobuf.text_format", "ParseError", "A file cannot be read"),
    ("tensorflow", "errors.OpError", "TensorFlow could not do it"),
    ("apache_beam.runners.runner", "PipelineError", "Beam could not do it"),
)
LONGEST = 300


def system_sentence(error: BaseException) -> str | None:
    """What the operating system or Python's text codecs refused, None for other errors."""
    if isinstance(error, MemoryError):
        return "There is not enough memory. Ask for less at a time, or use a larger machine."
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        return f"A text is not {error.encoding}: byte {error.start} is 0x{byte:02x}, {error.reason}."
    if isinstance(error, UnicodeError):
        return f"A text has characters that cannot be written: {error}."
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop from"):  # of pathlib
        return f"{error}. {ADVICE[errno.ELOOP]}"
    if not isinstance(error, OSError) or not error.strerror or _library(error):
        return None
    places = [str(place) for place in (error.filename, error.filename2) if place is not None]
    refused = f"Cannot use {' and '.join(places)}" if places else "The system refused"
    return f"{refused}: {error.strerror}. {ADVICE.get(error.errno or 0, '')}".rstrip()


def library_sentence(error: BaseException) -> str | None:
    """What a library says that refused a file, a server or a computation, None for other errors.

    An error that was raised from another one is looked at with its causes.
    """
    for link in _causes(error):
        if meaning := _library(link):
            return f"{meaning}: {_said(link)}."
        if sentence := system_sentence(link):
            return sentence
    return f"{type(error).__name__}: {_said(error)}." if isinstance(error, OSError | EOFError) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _library(error: BaseException) -> str | None:
    for module, name, meaning in LIBRARIES:
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and isinstance(error, found):
            return meaning
    return None


def _said(error: Any) -> str:
    """The first of it: some libraries add their own stack to a message."""
    said = error.details() if callable(getattr(error, "details", None)) else getattr(error, "message", None)
    lines = str(said or error or type(error).__name__).strip().splitlines()
    text = " ".join(" ".join(lines[:3]).split()).rstrip(".")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

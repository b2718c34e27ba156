"""A record of a log is told from text that a caller sent."""

import io
import logging
import sys

from dimerec_tf.log_lines import OneRecordEach


def _logged(message: str, *arguments: object, **how: object) -> list[str]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneRecordEach("%(levelname)s %(message)s"))
    record = logging.LogRecord("serving", logging.WARNING, "file", 1, message, arguments, how.get("exc_info"))
    handler.emit(record)
    return stream.getvalue().splitlines()


def test_text_from_outside_begins_no_record() -> None:
    name = "shop\nERROR forged\r\nERROR too\x85ERROR\u2028ERROR \x1b[2J\ud800"
    assert _logged("A request of model %s cannot be logged", name) == [
        "WARNING A request of model shop",
        r"  | ERROR forged\r",
        r"  | ERROR too\x85ERROR\u2028ERROR \x1b[2J\ud800 cannot be logged",
    ]


def test_a_stack_trace_belongs_to_its_record() -> None:
    try:
        raise ValueError("a\nERROR forged")
    except ValueError:
        lines = _logged("Watching failed", exc_info=sys.exc_info())
    assert lines[0] == "WARNING Watching failed" and len(lines) > 4
    assert all(line.startswith("  | ") for line in lines[1:])

"""Log records that nobody from outside can add to: a request's text in a message starts no line of its own."""

import logging

from dimerec_tf.visible_text import visible

CONTINUED = "\n  | "


class OneRecordEach(logging.Formatter):
    """A record is one line; what else belongs to it, such as a stack trace, follows on lines that begin otherwise."""

    def format(self, record: logging.LogRecord) -> str:
        return CONTINUED.join(visible(super().format(record)).split("\n"))

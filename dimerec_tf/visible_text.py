"""Text from outside, such as an id, a title or a path, as a person may safely look at it."""

import re

# C0 and C1 control codes but tab and line feed, line separators, bidirectional overrides, lone surrogates
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Writes each character that a terminal would obey, and not show, as Python does: `\\x1b`, `\\u202e`.

    Tabs and line feeds stay. What has been made visible stays as it is when it is made visible again.
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def json_visible(text: str) -> str:
    """The same of a JSON text, in JSON's own way: it means what it meant."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

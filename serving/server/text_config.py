"""Configuration files in the text format of protocol buffers."""

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from serving.server.errors import ServerStartError

M = TypeVar("M", bound=Message)


def read_text_config(path: Path, message: M) -> M:
    """Fills `message` from a file and returns it.

    Raises:
        ServerStartError: the file cannot be read, or holds something else; the text says where.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), message)
    except (OSError, UnicodeDecodeError) as error:
        raise ServerStartError(f"{path} cannot be read: {error}") from error
    except text_format.ParseError as error:
        raise ServerStartError(
            f"{path} is no {message.DESCRIPTOR.name} in text format. "
            f"Error parsing text-format {message.DESCRIPTOR.full_name} (line:column : reason): {error}"
        ) from error

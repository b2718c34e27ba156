"""What a file holds, told by its first bytes whatever its ending says: text, unpacked and as UTF-8, or Parquet."""

import bz2
import codecs
import csv
import gzip
import zipfile
import zlib
from collections.abc import Callable
from enum import Enum
from typing import IO, Any, NamedTuple, Protocol

import pyarrow as pa

HEAD_BYTES = 4096
MAX_PACKINGS = 3  # one in the other

READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    zlib.error,
    csv.Error,
    zipfile.BadZipFile,
    pa.ArrowException,
)
"""What reading a damaged or foreign file raises."""

_FOREIGN = {
    b"PARE": "encrypted Parquet",
    b"\xfd7zXZ\0": "an xz file",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"Obj\x01": "Avro",
    b"ARROW1\0\0": "an Arrow (Feather) file",
    b"\x89HDF\r\n": "HDF5",
    b"SQLite format 3\0": "an SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1": "an Excel sheet of the old kind",
    b"%PDF-": "a PDF document",
}
_UNICODE = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}  # before UTF-16, whose mark begins alike
_UNICODE |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Readable(Protocol):
    """A stream of bytes; `read` may give fewer than asked for, and none at the end alone."""

    def read(self, size: int, /) -> bytes: ...


class Kind(Enum):
    TEXT = "text"
    PARQUET = "Parquet"
    RECORDS = "TFRecord"


class Contents(NamedTuple):
    """A file's kind, its bytes after all unpacking, and how it was packed, outermost first."""

    kind: Kind
    stream: Readable
    packings: tuple[str, ...]


def contents_of(stream: IO[bytes]) -> Contents:
    """Looks at the first bytes and unpacks gzip, bzip2, zstd and a zip of one file.

    Text in UTF-16 or UTF-32 with a byte order mark becomes UTF-8.

    Args:
        stream: a file from its start, which can seek.

    Raises:
        ValueError: it is of a kind that is not read, which the message names.
    """
    packings: list[str] = []
    source: Readable = stream
    head = _head(stream)
    stream.seek(0)
    while unpack := next((unpack for magic, unpack in _PACKINGS.items() if head.startswith(magic)), None):
        name, opened = unpack(source, bool(packings))
        packings.append(name)
        if len(packings) > MAX_PACKINGS:
            raise ValueError(f"it is packed {len(packings)} times ({' in '.join(reversed(packings))}): unpack it")
        head = _head(opened)
        source = _Rejoined(head, opened)
    kind = _kind(head)
    if packings and kind is Kind.PARQUET:
        raise ValueError(f"it is Parquet in {packings[-1]}: unpack it")
    return Contents(kind, source if kind is not Kind.TEXT else _as_utf8(head, source), tuple(packings))


def text_of(stream: IO[bytes]) -> Readable:
    """The text of a file, as UTF-8.

    Raises:
        ValueError: it is something else.
    """
    contents = contents_of(stream)
    if contents.kind is not Kind.TEXT:
        raise ValueError(f"its first bytes are those of {contents.kind.value}, and it has to be text")
    return contents.stream


class _Rejoined:
    """A stream of which the first bytes were read already."""

    closed = False  # which Arrow asks for

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        return head or self._rest.read(size)


class _Utf8:
    """A stream of text in another encoding as UTF-8.

    Raises, where it is read:
        ValueError: the text breaks the rules of its encoding.
    """

    def __init__(self, stream: Readable, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int, /) -> bytes:
        while chunk := self._stream.read(size):
            if text := self._decoder.decode(chunk):
                return text.encode()
        return self._decoder.decode(b"", final=True).encode()


def _head(stream: Readable) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (chunk := stream.read(HEAD_BYTES - len(head))):
        head += chunk
    return head


def _kind(head: bytes) -> Kind:
    if head.startswith(b"PAR1"):
        return Kind.PARQUET
    if len(head) > 12 and 0 < int.from_bytes(head[:8], "little") < 1 << 31 and head[12] == 0x0A:
        return Kind.RECORDS  # a length, its checksum, and the first field of a tf.Example
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise ValueError(f"its first bytes are those of {name}, which is not read: write it as CSV or Parquet")
    return Kind.TEXT


def _as_utf8(head: bytes, stream: Readable) -> Readable:
    for mark, encoding in _UNICODE.items():
        if head.startswith(mark):
            return _Utf8(stream, encoding)
    return stream


def _gzip(stream: Any, _: bool) -> tuple[str, Readable]:
    return "gzip", gzip.GzipFile(fileobj=stream)


def _bzip2(stream: Any, _: bool) -> tuple[str, Readable]:
    return "bzip2", bz2.BZ2File(stream)


def _zstd(stream: Any, _: bool) -> tuple[str, Readable]:
    return "zstd", pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")


def _zip(stream: Any, packed: bool) -> tuple[str, Readable]:
    if packed:
        raise ValueError("it is a zip file that is packed once more: unpack it")
    archive = zipfile.ZipFile(stream)
    members = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        names = ", ".join(repr(each.filename) for each in members[:3]) + (", ..." if len(members) > 3 else "")
        raise ValueError(f"it is a zip archive of {len(members)} files ({names}), and one of one file is read")
    if members[0].flag_bits & 1:
        raise ValueError("it is a zip archive with a password: unpack it")
    return "zip", archive.open(members[0])


_PACKINGS: dict[bytes, Callable[[Readable, bool], tuple[str, Readable]]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\x28\xb5\x2f\xfd": _zstd,
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,  # an archive of nothing
}

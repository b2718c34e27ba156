"""Delimited text, one event per line, in blocks: every line stands by itself, whatever quotes it holds.

Arrow alone would take a stray opening quote as the start of a field that spans lines, and silently swallow the events
up to the next quote. Here the rows of a block are compared with its lines. Where they differ, lines with an unclosed
quote are set aside; should that not be enough, the block is cut in two until the offending line is alone.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from dimerec_tf.data.file_contents import Readable
from dimerec_tf.data.rejects import NOT_UTF8, WRONG_FIELDS

BLOCK_BYTES = 4 << 20
MAX_LINE_BYTES = 64 << 20


@dataclass(frozen=True)
class BadLine:
    number: int
    reason: str
    text: str


@dataclass(frozen=True)
class LineBlock:
    """Some lines of a file: the wanted columns as text `[lines]`, their line numbers (header = 1), unusable lines."""

    numbers: NDArray[np.int64]
    columns: list[pa.Array]
    bad: list[BadLine]


@dataclass(frozen=True)
class _Layout:
    num_columns: int
    wanted: list[int]
    delimiter: str

    @property
    def quote(self) -> str | bool:
        """Tab-separated text knows no quotes: there a quote is a character like any other."""
        return False if self.delimiter == "\t" else '"'


class LineReader:
    """Reads the header at once and the lines on demand, with bounded memory.

    Lines end in a line feed, with a carriage return before it or not; in a file that begins without any line feed
    they end in a carriage return.

    Raises:
        ValueError: there is no header or it is not text, or a line is longer than `MAX_LINE_BYTES`.
    """

    def __init__(self, stream: Readable, delimiter: str) -> None:
        self._delimiter = delimiter
        self._blocks = _whole_lines(stream)
        header, _, rest = next(self._blocks, b"").removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        self.names = _header_names(header, delimiter)
        self._blocks = chain([rest] if rest else [], self._blocks)

    def read(self, wanted: list[int]) -> Iterator[LineBlock]:
        """Yields the columns at the `wanted` positions."""
        layout = _Layout(len(self.names), wanted, self._delimiter)
        line = 2
        for block in self._blocks:
            yield _parse_block(block, line, layout)
            line += _count_lines(block)


def _header_names(line: bytes, delimiter: str) -> list[str]:
    text = line.decode("utf-8", errors="replace").strip("\r\n")
    if not text.strip():
        raise ValueError("it has no header line")
    if "\0" in text:
        raise ValueError("its first line has NUL bytes: it is no text, or UTF-16 without a byte order mark")
    try:
        return next(csv.reader([text], delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"its first line names no columns ({error})") from error


def _whole_lines(stream: Readable) -> Iterator[bytes]:
    rest, old_ends = b"", None
    while chunk := stream.read(BLOCK_BYTES):
        if old_ends is None:
            old_ends = b"\n" not in chunk and b"\r" in chunk[:-1]
        if old_ends:
            chunk = chunk.replace(b"\r", b"\n")
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
        if len(rest) > MAX_LINE_BYTES:
            raise ValueError(f"a line is longer than {MAX_LINE_BYTES >> 20} MiB")
    if rest:
        yield rest


def _count_lines(block: bytes) -> int:
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _parse_block(block: bytes, first_line: int, layout: _Layout) -> LineBlock:
    block, bad = _blank_undecodable(block, first_line)
    whole = _parse_with_arrow(block, first_line, layout)
    if _is_complete(whole, block):
        pieces = [whole]
    else:
        block, unclosed = _blank_unclosed(block, first_line, layout)
        bad += unclosed
        pieces = list(_parse_pieces(block, first_line, layout))
    numbers = np.concatenate([piece.numbers for piece in pieces])
    filled = ~np.isin(numbers, _blank_lines(block, first_line))
    columns = [
        pa.concat_arrays([piece.columns[i] for piece in pieces]).filter(pa.array(filled))
        for i in range(len(layout.wanted))
    ]
    return LineBlock(numbers[filled], columns, bad + [line for piece in pieces for line in piece.bad])


def _is_complete(piece: LineBlock, block: bytes) -> bool:
    return len(piece.numbers) + len(piece.bad) == _count_lines(block)


def _blank_undecodable(block: bytes, first_line: int) -> tuple[bytes, list[BadLine]]:
    """Empties lines that are not UTF-8, which Arrow's handler for bad rows cannot take."""
    try:
        block.decode("utf-8")
        return block, []
    except UnicodeDecodeError:
        lines, bad = block.split(b"\n"), []
    for i, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            bad.append(BadLine(first_line + i, NOT_UTF8, line.decode("utf-8", errors="backslashreplace")))
            lines[i] = b""
    return b"\n".join(lines), bad


def _blank_unclosed(block: bytes, first_line: int, layout: _Layout) -> tuple[bytes, list[BadLine]]:
    """Empties lines with an odd number of quotes."""
    if not layout.quote:
        return block, []
    lines, bad = block.split(b"\n"), []
    for i, line in enumerate(lines):
        if line.count(b'"') % 2:
            bad.append(BadLine(first_line + i, WRONG_FIELDS, line.decode("utf-8").rstrip("\r")))
            lines[i] = b""
    return b"\n".join(lines), bad


def _blank_lines(block: bytes, first_line: int) -> list[int]:
    if not (block.startswith((b"\n", b"\r\n")) or b"\n\n" in block or b"\n\r\n" in block):
        return []
    return [first_line + i for i, line in enumerate(block.split(b"\n")) if line in (b"", b"\r")]


def _parse_pieces(block: bytes, first_line: int, layout: _Layout) -> Iterator[LineBlock]:
    piece = _parse_with_arrow(block, first_line, layout)
    if _is_complete(piece, block):
        yield piece
    elif _count_lines(block) == 1:
        none = [column.slice(0, 0) for column in piece.columns]
        yield LineBlock(piece.numbers[:0], none, [BadLine(first_line, WRONG_FIELDS, block.decode("utf-8").rstrip())])
    else:
        cut = block.rfind(b"\n", 0, len(block) // 2) + 1 or block.find(b"\n") + 1
        yield from _parse_pieces(block[:cut], first_line, layout)
        yield from _parse_pieces(block[cut:], first_line + _count_lines(block[:cut]), layout)


def _parse_with_arrow(block: bytes, first_line: int, layout: _Layout) -> LineBlock:
    bad: list[BadLine] = []

    def set_aside(row: pacsv.InvalidRow) -> str:
        bad.append(BadLine(first_line + row.number - 1, WRONG_FIELDS, row.text))
        return "skip"

    names = [str(i) for i in range(layout.num_columns)]
    wanted = [names[i] for i in layout.wanted]
    table = pacsv.read_csv(
        pa.BufferReader(block),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=set_aside,
        ),
        convert_options=pacsv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())),
    ).combine_chunks()
    numbers = np.arange(first_line, first_line + table.num_rows + len(bad))
    numbers = np.setdiff1d(numbers, [line.number for line in bad], assume_unique=True)
    columns = [pa.concat_arrays(table[name].chunks or [pa.array([], pa.string())]) for name in wanted]
    return LineBlock(numbers, columns, bad)

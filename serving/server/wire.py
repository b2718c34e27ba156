"""How many values a message holds, counted in its bytes: reading one of a few MB may cost a GB and seconds."""

from functools import cache

from google.protobuf.descriptor import Descriptor

UNCHECKED_BYTES = 64 * 1024  # messages of so many cannot hold much
MAX_VALUES = 1 << 20
_MOST = {"tensorflow.TensorShapeProto.Dim": 10_000, "tensorflow.serving.PredictRequest.InputsEntry": 1_000}
_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class TooManyValues(ValueError):
    """A message holds more than any may; the text says of what."""


def check_values(data: bytes, descriptor: Descriptor) -> None:
    """Refuses a message that holds too much; stops counting there. Bytes that are no message pass.

    Args:
        data: a serialised message.
        descriptor: of its type.

    Raises:
        TooManyValues: there are more than `MAX_VALUES` of one kind, or more inputs or dimensions than make sense.
    """
    if len(data) <= UNCHECKED_BYTES:
        return
    counts: dict[str, int] = {}
    parts = [(0, len(data), descriptor)]
    try:
        while parts:
            _count(data, *parts.pop(), parts, counts)
    except IndexError:  # cut off: reading it says so
        return


def _count(
    data: bytes,
    position: int,
    end: int,
    descriptor: Descriptor,
    parts: list[tuple[int, int, Descriptor]],
    counts: dict[str, int],
) -> None:
    fields, values = _fields(descriptor), 0
    while position < end:
        tag, position = data[position], position + 1
        if tag >= 0x80:
            tag, position = _varint(data, position - 1)
        kind = tag & 7
        if kind == _WITH_LENGTH:
            length, position = data[position], position + 1
            if length >= 0x80:
                length, position = _varint(data, position - 1)
            message_type = fields.get(tag >> 3)
            if message_type is not None:
                name = message_type.full_name
                counts[name] = counts.get(name, 0) + 1
                _check(name, counts[name], _MOST.get(name, MAX_VALUES))
                parts.append((position, position + length, message_type))
            position += length
        elif kind == _VARINT:
            _, position = _varint(data, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise TooManyValues("a group of fields is not taken in a large message")
        values += 1
        if values > MAX_VALUES:
            _check("values", values, MAX_VALUES)


def _check(of_what: str, count: int, most: int) -> None:
    if count > most:
        raise TooManyValues(f"a message may hold {most} {of_what}, this one holds more; send fewer rows at once")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


@cache
def _fields(descriptor: Descriptor) -> dict[int, Descriptor | None]:
    return {field.number: field.message_type for field in descriptor.fields}

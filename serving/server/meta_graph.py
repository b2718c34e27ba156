"""What a SavedModel says of its graph, read without the graph.

Parsing a graph of thousands of nodes would keep Python's lock in one long call, while requests wait.
"""

from collections.abc import Iterator

from tensorflow.core.protobuf import meta_graph_pb2

_SKIPPED = {
    meta_graph_pb2.MetaGraphDef.DESCRIPTOR.fields_by_name[name].number for name in ("graph_def", "object_graph_def")
}


def read_meta_graph(content: bytes) -> meta_graph_pb2.MetaGraphDef:
    """Parses a serialised `MetaGraphDef`, and leaves out its `graph_def` and `object_graph_def`."""
    parts = [content[start:end] for number, start, end in _fields(content) if number not in _SKIPPED]
    return meta_graph_pb2.MetaGraphDef.FromString(b"".join(parts))


def _fields(content: bytes) -> Iterator[tuple[int, int, int]]:
    """The number of each field and where it begins and ends; all fields of `MetaGraphDef` come with their length."""
    start = 0
    while start < len(content):
        tag, position = _varint(content, start)
        length, position = _varint(content, position)
        yield tag >> 3, start, position + length
        start = position + length


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number in protobuf's encoding, seven bits a byte, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position

"""Bodies that were compressed on the way."""

import zlib

import grpc

from serving.server.rest.http_call import CallAborted

_GZIP = 16 + zlib.MAX_WBITS


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was compressed.

    Args:
        body: as it came.
        encoding: the header Content-Encoding, '' for none.
        limit: of bytes, beyond which nothing is unpacked.

    Raises:
        CallAborted: it is no gzip, larger than the limit, or encoded in another way.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _unzipped(body, limit)
        case _:
            message = f"The body has the encoding {encoding[:40]!r}; only gzip is read. Send it so, or as it is."
            raise CallAborted(grpc.StatusCode.INVALID_ARGUMENT, message)


def _unzipped(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise CallAborted(grpc.StatusCode.INVALID_ARGUMENT, f"The body is no gzip: {error}.") from error
    if len(content) > limit:
        message = f"The body is larger than {limit} bytes when unpacked. Send fewer rows at once."
        raise CallAborted(grpc.StatusCode.RESOURCE_EXHAUSTED, message, 413)
    if not unpacker.eof or unpacker.unused_data:
        raise CallAborted(
            grpc.StatusCode.INVALID_ARGUMENT, "The body is no gzip: it is cut off, or goes on after its end."
        )
    return content

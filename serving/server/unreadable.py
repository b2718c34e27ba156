"""Reads messages, and answers INVALID_ARGUMENT to those that cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from serving.server.wire import TooManyValues, check_values


@dataclass
class Received:
    """What came with a call: first the bytes, later the message in them."""

    data: bytes
    message: Any = None


def read(message_type: Any, data: bytes, context: grpc.ServicerContext) -> Any:
    """The message in bytes; ends the call if they are none of this type, go on after its end, or hold too much."""
    try:
        check_values(data, message_type.DESCRIPTOR)
    except TooManyValues as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"The message is too much to read: {error}.")
    message = message_type()
    try:
        complete = message.ParseFromString(data) == len(data)
    except DecodeError:
        complete = False
    if not complete:
        text = f"The bytes that were sent are no {message_type.DESCRIPTOR.full_name}."
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
    return message


class ReadMessages(grpc.ServerInterceptor):
    """Gives the services their messages."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        message_type = handler.request_deserializer.__self__  # generated code gives each method `Type.FromString`

        @wraps(handler.unary_unary)
        def answer(received: Received, context: grpc.ServicerContext) -> Any:
            message = received.message = read(message_type, received.data, context)
            received.data = b""  # not held twice while it is computed
            return handler.unary_unary(message, context)

        return grpc.unary_unary_rpc_method_handler(answer, None, handler.response_serializer)

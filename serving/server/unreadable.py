"""Answers INVALID_ARGUMENT to messages that cannot be read; gRPC itself would answer INTERNAL and log a stack trace."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import grpc
from google.protobuf.message import DecodeError


class _Unreadable:
    """In the place of a request."""


class RefuseUnreadable(grpc.ServerInterceptor):
    """Refuses bytes that are no message of the method's type, or go on after its end."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None or handler.request_deserializer is None:
            return handler
        message_type = handler.request_deserializer.__self__  # generated code gives each method `Type.FromString`

        @wraps(handler.unary_unary)  # with its attributes: a service may have threads of its own
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            if isinstance(request, _Unreadable):
                message = f"The bytes that were sent are no {message_type.DESCRIPTOR.full_name}."
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
            return handler.unary_unary(request, context)

        def read(data: bytes) -> Any:
            message = message_type()
            try:
                complete = message.ParseFromString(data) == len(data)
            except DecodeError:
                complete = False
            return message if complete else _Unreadable()

        return grpc.unary_unary_rpc_method_handler(answer, read, handler.response_serializer)

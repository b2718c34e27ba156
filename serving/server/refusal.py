"""Handlers that refuse a call before its service sees it."""

from typing import Any

import grpc


def refuse(code: grpc.StatusCode, message: str) -> grpc.RpcMethodHandler:
    """A handler for an interceptor to return: ends any call, without waiting for its message."""

    def abort(request: Any, context: grpc.ServicerContext) -> None:
        context.abort(code, message)

    abort.needs_no_message = True  # type: ignore[attr-defined]  # where `ReceiveMessages` looks for it
    return grpc.unary_unary_rpc_method_handler(abort)

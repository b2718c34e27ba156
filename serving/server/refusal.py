"""Handlers that refuse a call before its service sees it."""

from concurrent import futures
from typing import Any

import grpc

_THREADS = futures.ThreadPoolExecutor(2, thread_name_prefix="refusal")


def refuse(code: grpc.StatusCode, message: str) -> grpc.RpcMethodHandler:
    """A handler for an interceptor to return: ends any call, from threads of its own, so that no refusal ever waits."""

    def abort(request: Any, context: grpc.ServicerContext) -> None:
        context.abort(code, message)

    abort.experimental_thread_pool = _THREADS  # type: ignore[attr-defined]  # where grpc looks for it
    return grpc.unary_unary_rpc_method_handler(abort)

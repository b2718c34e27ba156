"""`python -m serving.benchmark.echo`: what gRPC alone costs, a server that answers with fixed bytes."""

from concurrent import futures
from typing import Annotated

import grpc
import typer

from serving.loadtest.load import PREDICT

ANSWER = bytes(500)  # about what ten recommendations take


class _Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if handler_call_details.method != PREDICT:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: ANSWER)


def echo(port: Annotated[int, typer.Option(help="Where it listens.")]) -> None:
    """Answers every Predict call with the same 500 bytes until it is ended."""
    server = grpc.server(futures.ThreadPoolExecutor(16), handlers=[_Echo()])
    server.add_insecure_port(f"localhost:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    typer.run(echo)

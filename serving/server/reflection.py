"""Server reflection: tools such as grpcurl ask the server which services and messages it knows."""

from collections.abc import Iterable, Iterator
from concurrent import futures

import grpc
from google.protobuf import descriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

THREADS = 2


class _Servicer(reflection.ReflectionServicer):
    """Answers from threads of its own: a stream that a client leaves open keeps its thread."""

    _threads = futures.ThreadPoolExecutor(THREADS, thread_name_prefix="reflection")

    def ServerReflectionInfo(
        self, request_iterator: Iterable[reflection_pb2.ServerReflectionRequest], context: grpc.ServicerContext
    ) -> Iterator[reflection_pb2.ServerReflectionResponse]:
        return super().ServerReflectionInfo(request_iterator, context)

    ServerReflectionInfo.experimental_thread_pool = _threads  # type: ignore[attr-defined]  # where grpc looks for it


def add_reflection(server: grpc.Server) -> None:
    """Registers reflection of this server's services."""
    names = [health.SERVICE_NAME, reflection.SERVICE_NAME]
    names += [*_services(prediction_service_pb2.DESCRIPTOR), *_services(model_service_pb2.DESCRIPTOR)]
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(_Servicer(names), server)


def _services(file: descriptor.FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]

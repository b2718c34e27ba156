"""Server reflection: tools such as grpcurl ask the server which services and messages it knows."""

import grpc
from google.protobuf import descriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2


def add_reflection(server: grpc.Server) -> None:
    """Registers reflection of this server's services."""
    names = [health.SERVICE_NAME, reflection.SERVICE_NAME]
    names += [*_services(prediction_service_pb2.DESCRIPTOR), *_services(model_service_pb2.DESCRIPTOR)]
    reflection.enable_server_reflection(names, server)


def _services(file: descriptor.FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]

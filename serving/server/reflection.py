"""Server reflection: tools such as grpcurl ask the server which services and messages it knows."""

import grpc
from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, text_format
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

SERVICE_NAME_V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(server: grpc.Server) -> None:
    """Registers reflection of this server's services, as v1 and as v1alpha, whose messages are the same."""
    names = [health.SERVICE_NAME, reflection.SERVICE_NAME, SERVICE_NAME_V1]
    names += [*_services(prediction_service_pb2.DESCRIPTOR), *_services(model_service_pb2.DESCRIPTOR)]
    servicer = reflection.ReflectionServicer(names)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = grpc.method_handlers_generic_handler(SERVICE_NAME_V1, {"ServerReflectionInfo": method})
    server.add_generic_rpc_handlers((handlers,))


def _services(file: descriptor.FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]


def _describe_v1() -> None:
    """Makes v1 known to who asks for its description: v1alpha under the new name."""
    alpha = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    text = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    file = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


_describe_v1()

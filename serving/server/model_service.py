"""TF Serving's ModelService: the states of a model's versions, and which models are served."""

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    status_pb2,
)

from serving.server.errors import RequestError, aborting
from serving.server.manager import ModelManager
from serving.server.model_config import ModelConfigError, parse_model_config
from serving.server.prediction import checked_spec
from serving.server.served_model import VersionStatus


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Reports on the versions that a manager knows, and changes which it serves."""

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        with aborting(context):
            spec = checked_spec(request)
            statuses = self._manager.statuses(spec.name)
            number = self._manager.version(spec) if statuses else None
            if number is not None:
                if number not in statuses:
                    raise RequestError(
                        grpc.StatusCode.NOT_FOUND, f"Could not find version {number} of model {spec.name}"
                    )
                statuses = {number: statuses[number]}
            if not statuses:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
            return get_model_status_pb2.GetModelStatusResponse(
                model_version_status=[_message(number, status) for number, status in statuses.items()]
            )

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        with aborting(context):
            try:
                self._manager.reload(parse_model_config(request.config))
            except ModelConfigError as error:
                raise RequestError(error.code, str(error)) from error
            return model_management_pb2.ReloadConfigResponse(status=status_pb2.StatusProto())


def _message(number: int, status: VersionStatus) -> get_model_status_pb2.ModelVersionStatus:
    return get_model_status_pb2.ModelVersionStatus(
        version=number,
        state=get_model_status_pb2.ModelVersionStatus.State.Value(status.state.value),
        status=status_pb2.StatusProto(error_code=status.error_code, error_message=status.error_message),
    )

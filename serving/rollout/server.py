"""One model server: which version has a label, whether a version is loaded, and a new config for it."""

import json
from dataclasses import dataclass

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from serving.client.access import OPEN, Access
from serving.rollout.errors import RolloutError

_RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_OPTIONS = [
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _RETRIES}]})),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
_NO_SUCH_LABEL = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
_State = get_model_status_pb2.ModelVersionStatus.State


@dataclass(frozen=True)
class VersionState:
    """`name` is TF Serving's state or `UNKNOWN`; `failure` says why a version did not load, '' if it did not fail."""

    name: str
    failure: str = ""


class ModelServer:
    """Speaks for one model on one server, by TF Serving's API. Every call is tried again while the server is away.

    Args:
        address: `host:port` of the gRPC port.
        model_name: of the model.
        timeout_seconds: deadline of every call but `reload`, its retries included.
        load_seconds: deadline of `reload`, which may wait until versions are loaded.
        access: TLS and token.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        timeout_seconds: float = 10.0,
        load_seconds: float = 300.0,
        access: Access = OPEN,
    ) -> None:
        self.address = address
        self.model_name = model_name
        self._timeout_seconds = timeout_seconds
        self._load_seconds = load_seconds
        self._channel = access.channel(address, _OPTIONS)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def labelled(self, label: str) -> int | None:
        """The loaded version that a label stands for, None without one. The metadata of a label says it.

        Raises:
            RolloutError: the server does not answer.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self.model_name
        request.model_spec.version_label = label
        try:
            answer = self._predictions.GetModelMetadata(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            if error.code() in _NO_SUCH_LABEL:
                return None
            raise self._explain(error, "does not say which versions it serves") from error
        return int(answer.model_spec.version.value)

    def state(self, version: int) -> VersionState:
        """Where a version stands.

        Raises:
            RolloutError: the server does not answer.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self.model_name
        request.model_spec.version.value = version
        try:
            (status,) = self._models.GetModelStatus(request, timeout=self._timeout_seconds).model_version_status
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return VersionState("UNKNOWN")
            raise self._explain(error, "does not say which versions it has") from error
        failure = f"{status.status.error_message or 'no reason was given'}" if status.status.error_code else ""
        return VersionState(_State.Name(status.state), failure)

    def reload(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Replaces the server's whole config.

        Raises:
            RolloutError: the server does not answer, or refuses the config.
        """
        request = model_management_pb2.ReloadConfigRequest(config=config)
        try:
            status = self._models.HandleReloadConfigRequest(request, timeout=self._load_seconds).status
        except grpc.RpcError as error:
            raise self._explain(error, "refused the new config") from error
        if status.error_code:
            raise RolloutError(f"{self.address} refused the new config: {status.error_message}")

    def _explain(self, error: grpc.RpcError, what: str) -> RolloutError:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return RolloutError(f"{self.address} does not answer ({error.code().name}). Is the server running?")
        return RolloutError(f"{self.address} {what} ({error.code().name}): {error.details() or 'no reason was given'}")

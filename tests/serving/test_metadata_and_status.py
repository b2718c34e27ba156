"""GetModelMetadata and ModelService."""

import grpc
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from tests.serving.running import TIMEOUT, Stubs
from tests.serving.toy import NAME


def test_metadata_carries_the_signatures_with_their_defaults(toy_server: Stubs) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = NAME
    response = toy_server.predictions.GetModelMetadata(message, timeout=TIMEOUT)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    definition = signatures.signature_def["serving_default"]
    assert set(definition.inputs) == {"history_item_ids", "k", "exclude_item_ids", "filter_seen"}
    assert set(definition.defaults) == {"k", "exclude_item_ids", "filter_seen"}
    assert (response.model_spec.name, response.model_spec.version.value) == (NAME, 7)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["x"], "Metadata field x is not supported"),
    ],
)
def test_metadata_needs_a_known_field(toy_server: Stubs, fields: list[str], text: str) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = NAME
    with pytest.raises(grpc.RpcError) as caught:
        toy_server.predictions.GetModelMetadata(message, timeout=TIMEOUT)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, text)


@pytest.mark.parametrize("version", [None, 7])
def test_status_names_the_served_version(toy_server: Stubs, version: int | None) -> None:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = NAME
    if version is not None:
        message.model_spec.version.value = version
    (status,) = toy_server.models.GetModelStatus(message, timeout=TIMEOUT).model_version_status
    assert (status.version, status.state) == (7, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    assert (status.status.error_code, status.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("x", None, "Could not find any versions of model x"),
        (NAME, 8, "Could not find version 8 of model toy"),
    ],
)
def test_status_of_what_is_unknown_is_not_found(toy_server: Stubs, name: str, version: int | None, text: str) -> None:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    with pytest.raises(grpc.RpcError) as caught:
        toy_server.models.GetModelStatus(message, timeout=TIMEOUT)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, text)

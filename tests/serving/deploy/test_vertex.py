"""The requests that make a Vertex model and deploy it, read as the API's own messages."""

import json

import pytest
from google.cloud.aiplatform_v1.types import DeployModelRequest, UploadModelRequest
from google.protobuf import json_format

from dimerec_tf.environment import VertexContainer
from serving.deploy.container import serve_arguments
from tests.serving.deploy.files import DEPLOY

VERTEX = DEPLOY / "vertex"


def test_the_uploaded_container_is_asked_where_it_listens() -> None:
    request = UploadModelRequest.from_json((VERTEX / "upload_model.json").read_text(), ignore_unknown_fields=False)
    container = request.model.container_spec
    (port,) = (port.container_port for port in container.ports)
    vertex = VertexContainer(port, container.predict_route, container.health_route)
    arguments = serve_arguments([], vertex)
    assert arguments[-4:] == ["--model-name", "dimerec", "--rest-api-port", str(port)]
    assert "COPY dimerec /models/dimerec\n" in (VERTEX / "Dockerfile").read_text()
    assert container.health_probe.http_get.port == port
    assert container.health_probe.http_get.path == "/v1/models/dimerec/metadata"


def test_all_traffic_goes_to_the_deployed_model() -> None:
    request = DeployModelRequest.from_json((VERTEX / "deploy_model.json").read_text(), ignore_unknown_fields=False)
    assert dict(request.traffic_split) == {"0": 100}
    resources = request.deployed_model.dedicated_resources
    assert 1 <= resources.min_replica_count <= resources.max_replica_count


def test_an_unknown_field_would_be_found() -> None:
    body = json.loads((VERTEX / "upload_model.json").read_text())
    body["model"]["containerSpec"]["predict_path"] = "/"
    with pytest.raises(json_format.ParseError, match="predict_path"):
        UploadModelRequest.from_json(json.dumps(body), ignore_unknown_fields=False)

"""Starts the embedded server in a container: `python -m serving.deploy.container [options of dimerec serve]`.

On a Vertex endpoint the port and the model's name come from the routes that Vertex sets, and win over the options.
"""

import re
import sys

from dimerec_tf.cli.main import run
from dimerec_tf.environment import VertexContainer, vertex_container
from dimerec_tf.errors import DimeRecError

MODELS = "/models"
_PREDICT = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/\d+|/labels/[^/:]+)?:predict")
_HEALTH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/\d+|/labels/[^/:]+)?(/metadata)?")


def serve_arguments(options: list[str], vertex: VertexContainer | None) -> list[str]:
    """The command line of `dimerec` that serves what the container is asked to serve.

    Args:
        options: of `dimerec serve`, from the container's command line.
        vertex: what Vertex asks for, None elsewhere.

    Raises:
        DimeRecError: Vertex asks for a route that TF Serving's REST API does not have.
    """
    if vertex is None:
        return ["serve", *options]
    predict, health = _PREDICT.fullmatch(vertex.predict_route), _HEALTH.fullmatch(vertex.health_route)
    if predict is None or health is None or predict["name"] != health["name"]:
        raise DimeRecError(
            f"AIP_PREDICT_ROUTE is {vertex.predict_route!r} and AIP_HEALTH_ROUTE is {vertex.health_route!r}, but this "
            "server has the routes of TF Serving. Upload the model with the predict route /v1/models/NAME:predict and "
            "the health route /v1/models/NAME, the same NAME in both."
        )
    name = predict["name"]
    port = str(vertex.http_port)
    return ["serve", *options, "--model-base-path", f"{MODELS}/{name}", "--model-name", name, "--rest-api-port", port]


def main() -> None:
    """Starts the server with the process's arguments and environment, and stays until it is told to stop."""
    try:
        sys.argv[1:] = serve_arguments(sys.argv[1:], vertex_container())
    except DimeRecError as error:
        sys.exit(f"error: {error}")
    run()


if __name__ == "__main__":
    main()

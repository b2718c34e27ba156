"""Where metrics are answered, from a monitoring file in TF Serving's text format."""

from pathlib import Path

from serving.server.errors import ServerStartError
from serving.server.proto import monitoring_config_pb2
from serving.server.text_config import read_text_config

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def metrics_path(file: Path) -> str | None:
    """The path of the metrics on the REST port, None if the file does not enable them.

    Raises:
        ServerStartError: the file cannot be read, or names a path that is none or belongs to the API.
    """
    config = read_text_config(file, monitoring_config_pb2.MonitoringConfig()).prometheus_config
    path = config.path or DEFAULT_PATH
    if not path.startswith("/") or path.startswith("/v1/"):
        raise ServerStartError(f'{file}: path must start with "/" and not with "/v1/", got "{path}".')
    return path if config.enable else None

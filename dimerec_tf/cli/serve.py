"""`dimerec serve`: answers TF Serving's gRPC and REST API from this process."""

import logging
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dimerec_tf.cli.output import console
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.errors import DimeRecError

if TYPE_CHECKING:
    from serving.server.app import RunningServer

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(
    model_base_path: Annotated[
        Path | None, typer.Option(help="Directory of versions: 1/saved_model.pb, 2/saved_model.pb, ...")
    ] = None,
    model_name: Annotated[str, typer.Option(help="Name of the model in --model-base-path.")] = "dimerec",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="gRPC port, on all interfaces; 0 takes a free one.")
    ] = 8500,
    rest_api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="REST port, on all interfaces; 0 serves gRPC alone.")
    ] = 0,
    monitoring_config_file: Annotated[
        Path | None, typer.Option(help="TF Serving's monitoring file; it switches metrics on, on the REST port.")
    ] = None,
    request_log_dir: Annotated[
        Path | None, typer.Option(help="Log requests and answers there, as tf.Examples.")
    ] = None,
    request_log_sampling_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the requests that is logged.")
    ] = 1.0,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME=DIR", help="A further model; may be repeated.")
    ] = None,
) -> None:
    """Serves models over gRPC, and REST if asked, with TF Serving's API; TF Serving's clients need no change.

    The newest version of each model is served. A version that appears later is loaded beside the old one and swapped
    in without losing a request; one that fails to load is reported and the old one stays. Ctrl-C or SIGTERM ends the
    server after the requests in flight.

    Example: dimerec serve --model-base-path build/demo/serving/dimerec --port 8500
    """
    models = _models(model_base_path, model_name, model or [])
    stopping = threading.Event()
    former = {number: signal.signal(number, lambda *_: stopping.set()) for number in STOP_SIGNALS}
    try:
        silence_native_logs()
        _log_to_terminal()
        from serving.request_log.request_log import RequestLog
        from serving.server.app import start_server

        rest = f"0.0.0.0:{rest_api_port}" if rest_api_port else None
        metrics_path = _metrics_path(monitoring_config_file, rest)
        request_log = RequestLog(request_log_dir, request_log_sampling_rate) if request_log_dir else None
        server = start_server(models, f"0.0.0.0:{port}", rest, metrics_path, request_log)
        _announce(server, models)
        stopping.wait()
        console.print("Stopping: requests in flight may end.")
        server.stop()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _metrics_path(file: Path | None, rest_address: str | None) -> str | None:
    from serving.server.monitoring import metrics_path

    path = metrics_path(file) if file else None
    if path and rest_address is None:
        raise DimeRecError(f"{file} enables metrics, which are answered on the REST port. Add --rest-api-port 8501.")
    return path


def _models(base: Path | None, name: str, pairs: list[str]) -> dict[str, Path]:
    models = {} if base is None else {name: base}
    for pair in pairs:
        key, equals, folder = pair.partition("=")
        if not (key and equals and folder):
            raise DimeRecError(f"--model must be NAME=DIR, got {pair!r}. Example: --model shop=models/shop")
        if key in models:
            raise DimeRecError(f"The model name {key!r} was given twice. Give each model a name of its own.")
        models[key] = Path(folder)
    if not models:
        raise DimeRecError("Nothing to serve. Name a directory of versions with --model-base-path DIR.")
    return models


def _log_to_terminal() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("serving").setLevel(logging.INFO)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _announce(server: "RunningServer", models: dict[str, Path]) -> None:
    for name, base in models.items():
        number = server.manager.served_version(name)
        what = "no version yet, waiting for one" if number is None else f"version {number}"
        console.print(f"{name}: {what}, from {base}", markup=False, soft_wrap=True)
    rest = f" and {server.rest.port} (REST)" if server.rest else ""
    console.print(f"Listening on port {server.port} (gRPC){rest}, TF Serving's API. Ctrl-C stops.", soft_wrap=True)

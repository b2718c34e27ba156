"""`dimerec serve`: answers TF Serving's gRPC and REST API from this process."""

import gc
import logging
import resource
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dimerec_tf.environment import one_thread_per_operation, silence_native_logs
from dimerec_tf.errors import DimeRecError
from dimerec_tf.log_lines import OneRecordEach
from dimerec_tf.stop_signals import told_to_stop
from dimerec_tf.terminal import say

if TYPE_CHECKING:
    from serving.server.app import RunningServer

T = TypeVar("T")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(
    model_base_path: Annotated[
        Path | None, typer.Option(help="Directory of versions: 1/saved_model.pb, 2/saved_model.pb, ...")
    ] = None,
    model_name: Annotated[str, typer.Option(help="Name of the model in --model-base-path.")] = "dimerec",
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. The default is reached from this machine alone; 0.0.0.0 stands for its IPv4 "
            "addresses, :: for all."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8500,
    grpc_socket_path: Annotated[Path | None, typer.Option(help="A Unix socket for gRPC beside the port.")] = None,
    rest_api_port: Annotated[int, typer.Option(min=0, max=65535, help="REST port; 0 serves gRPC alone.")] = 0,
    rest_api_timeout_in_ms: Annotated[
        int, typer.Option(min=1, help="How long a caller over REST waits for an answer.")
    ] = 30_000,
    rest_api_enable_cors_support: Annotated[
        bool, typer.Option(help="Let pages of other sites ask over REST, from browsers.")
    ] = False,
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
    model_config_file: Annotated[
        Path | None,
        typer.Option(
            help="Models, version policies (latest, all, specific) and labels, in TF Serving's text format; in place "
            "of --model-base-path and --model."
        ),
    ] = None,
    model_config_file_poll_wait_seconds: Annotated[
        float, typer.Option(min=0.0, help="Read --model-config-file anew so often, and apply it; 0 for never.")
    ] = 0.0,
    max_num_load_retries: Annotated[
        int, typer.Option(min=0, help="How often a version that did not load is tried again; a changed one always is.")
    ] = 5,
    load_retry_interval_micros: Annotated[
        int, typer.Option(min=0, help="Pause before a version that did not load is tried again.")
    ] = 60_000_000,
    allow_version_labels_for_unavailable_models: Annotated[
        bool,
        typer.Option(help="Accept a label for a version that is not loaded; asking for it is NOT_FOUND meanwhile."),
    ] = False,
    enable_batching: Annotated[
        bool, typer.Option(help="Compute requests together that wait at the same time. For many callers, not for few.")
    ] = False,
    batching_parameters_file: Annotated[
        Path | None,
        typer.Option(
            help="TF Serving's batching parameters, such as: max_batch_size { value: 32 }. With --enable-batching."
        ),
    ] = None,
    ssl_config_file: Annotated[
        Path | None,
        typer.Option(
            help="TLS by TF Serving's SSL config: server_key and server_cert, custom_ca and client_verify; PEM text."
        ),
    ] = None,
    auth_token_file: Annotated[
        Path | None,
        typer.Option(
            help="Answer only callers with 'authorization: Bearer TOKEN', the text of this file. Use with TLS."
        ),
    ] = None,
    max_message_bytes: Annotated[int, typer.Option(min=1, help="Largest request or response.")] = 64 * 1024 * 1024,
    max_rest_body_bytes: Annotated[
        int, typer.Option(min=1, help="Largest body of a request over REST; larger ones belong to gRPC.")
    ] = 4 * 1024 * 1024,
    max_history: Annotated[int, typer.Option(min=1, help="Most ids in one history; longer ones are refused.")] = 10_000,
    max_k: Annotated[int, typer.Option(min=1, help="Most recommendations that a request may ask for.")] = 1_000,
    max_rows: Annotated[int, typer.Option(min=1, help="Most histories in one request.")] = 1_000,
    max_waiting_requests: Annotated[
        int, typer.Option(min=0, help="How many requests may wait for a thread; more are refused at once.")
    ] = 256,
    drain_seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="After SIGTERM, go on answering for so long while the health service says NOT_SERVING, so that a load "
            "balancer turns away first.",
        ),
    ] = 0.0,
) -> None:
    """Serves models over gRPC, and REST if asked, with TF Serving's API; TF Serving's clients need no change.

    Options may be written as TF Serving's: --model_name=x, --enable_batching=true.

    The newest version of each model is served, or those of its policy. A version that appears later is loaded and
    warmed up beside the old one and swapped in without losing a request; one that fails is reported and the old one
    stays. Ctrl-C or SIGTERM ends the server after the requests in flight.

    Example: dimerec serve --model-base-path build/demo/serving/dimerec --port 8500
    """
    pairs = _pairs(model_base_path, model_name, model or [])
    if bool(pairs) == (model_config_file is not None):
        raise DimeRecError(
            "Name what to serve: a directory of versions with --model-base-path DIR, or a file with "
            "--model-config-file FILE, and not both."
        )
    if batching_parameters_file and not enable_batching:
        raise DimeRecError("--batching-parameters-file was given without --enable-batching: add it, or leave both out.")
    with told_to_stop(*STOP_SIGNALS) as stopping:
        silence_native_logs()
        one_thread_per_operation()
        _log_to_terminal()
        _allow_many_connections()
        from serving.request_log.request_log import RequestLog
        from serving.server.addresses import joined
        from serving.server.app import start_server
        from serving.server.batching_options import BatchingOptions, read_batching_options
        from serving.server.bearer_token import read_token
        from serving.server.config_file import ConfigFileWatch
        from serving.server.limits import Limits
        from serving.server.model_config import ModelSettings, read_model_config
        from serving.server.options import ServerOptions
        from serving.server.served_model import LoadRetries
        from serving.server.tls import read_tls

        rest_address = joined(host, rest_api_port) if rest_api_port else None
        batching = _given(batching_parameters_file, read_batching_options)
        options = ServerOptions(
            batching=batching or (BatchingOptions() if enable_batching else None),
            max_waiting_requests=max_waiting_requests,
            max_message_bytes=max_message_bytes,
            max_rest_body_bytes=max_rest_body_bytes,
            limits=Limits(max_history, max_k, max_rows),
            tls=_given(ssl_config_file, read_tls),
            token=_given(auth_token_file, read_token),
            load_retries=LoadRetries(max_num_load_retries, load_retry_interval_micros / 1e6),
            labels_for_unavailable=allow_version_labels_for_unavailable_models,
            socket_path=grpc_socket_path,
            rest_address=rest_address,
            rest_cors=rest_api_enable_cors_support,
            rest_timeout_seconds=rest_api_timeout_in_ms / 1000,
            metrics_path=_metrics_path(monitoring_config_file, rest_address),
            request_log=_given(request_log_dir, lambda folder: RequestLog(folder, request_log_sampling_rate)),
        )
        models = _given(model_config_file, read_model_config) or {
            name: ModelSettings(base) for name, base in pairs.items()
        }
        _keep_imports_from_garbage_collection()
        server = start_server(models, joined(host, port), options)
        _announce(server, {name: settings.base for name, settings in models.items()}, host)
        with ExitStack() as watching:
            if model_config_file is not None and model_config_file_poll_wait_seconds:
                reload = partial(server.manager.reload, anywhere=True)
                watch = ConfigFileWatch(model_config_file, models, model_config_file_poll_wait_seconds, reload)
                watching.callback(watch.close)
            stopping.wait()
        say("Stopping: requests in flight may end.")
        server.stop(drain_seconds=drain_seconds)


def _given(path: Path | None, read: Callable[[Path], T]) -> T | None:
    return None if path is None else read(path)


def _metrics_path(file: Path | None, rest_address: str | None) -> str | None:
    from serving.server.monitoring import metrics_path

    path = metrics_path(file) if file else None
    if path and rest_address is None:
        raise DimeRecError(f"{file} enables metrics, which are answered on the REST port. Add --rest-api-port 8501.")
    return path


def _pairs(base: Path | None, name: str, pairs: list[str]) -> dict[str, Path]:
    models = {} if base is None else {name: base}
    for pair in pairs:
        key, equals, folder = pair.partition("=")
        if not (key and equals and folder):
            raise DimeRecError(f"--model must be NAME=DIR, got {pair!r}. Example: --model shop=models/shop")
        if key in models:
            raise DimeRecError(f"The model name {key!r} was given twice. Give each model a name of its own.")
        models[key] = Path(folder)
    return models


def _log_to_terminal() -> None:
    terminal = logging.StreamHandler()
    terminal.setFormatter(OneRecordEach("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[terminal])
    logging.getLogger("serving").setLevel(logging.INFO)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _allow_many_connections() -> None:
    """As many as the system lets this process have: idle ones must not use up a shell's usual 1,024 files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _keep_imports_from_garbage_collection() -> None:
    """TensorFlow's modules hold so many objects that a collection, which loading a version sets off, would stop all
    requests for a quarter of a second."""
    gc.collect()
    gc.freeze()


def _announce(server: "RunningServer", models: dict[str, Path], host: str) -> None:
    from serving.server.addresses import is_loopback

    for name, base in models.items():
        number = server.manager.served_version(name)
        what = "no version yet, waiting for one" if number is None else f"version {number}"
        say(f"{name}: {what}, from {base}")
    rest = f" and {server.rest.port} (REST)" if server.rest else ""
    reached = "which this machine alone reaches (see --host)" if is_loopback(host) else "which other machines may reach"
    say(f"Listening on port {server.port} (gRPC){rest} of {host}, {reached}, with TF Serving's API. Ctrl-C stops.")

"""`dimerec rollout`: a new version becomes the canary, is watched, and becomes stable or goes."""

from contextlib import ExitStack
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dimerec_tf.cli import access
from dimerec_tf.cli.experiment import UnitName
from dimerec_tf.cli.output import AsJson
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.errors import DimeRecError
from dimerec_tf.terminal import print_json, progress_bar, say
from dimerec_tf.whole_files import write_text

if TYPE_CHECKING:
    from serving.rollout.metrics import Health
    from serving.rollout.plan import Plan
    from serving.rollout.rollout import OnlineCheck, Outcome
    from serving.rollout.settings import RolloutSettings

ROLLED_BACK, UNFINISHED = 3, 4
_STEPS = {
    "start": "load {version} beside {stable}, give it the label canary, watch it, then make it stable or take it back",
    "resume": "watch {version}, which is the canary already, then make it stable or take it back",
    "finish": "make {version} stable on every server and unload the other versions",
    "abort": "give the label canary back to {stable} and unload the other versions",
}


def rollout(
    server: Annotated[list[str], typer.Option(metavar="HOST:PORT", help="gRPC port of a server; name every server.")],
    model_config_file: Annotated[Path, typer.Option(help="The model config that the servers were started with.")],
    version: Annotated[int | None, typer.Option(min=1, help="The version to roll out.")] = None,
    metrics_url: Annotated[
        list[str] | None,
        typer.Option(help="A server's metrics page, such as http://HOST:8501/monitoring/prometheus/metrics."),
    ] = None,
    model_name: Annotated[str, typer.Option(help="Name of the model on the servers.")] = "dimerec",
    bake: Annotated[float, typer.Option(help="Seconds that the canary must serve within the limits.")] = 600.0,
    interval: Annotated[float, typer.Option(help="Seconds between two looks at the metrics.")] = 10.0,
    load_timeout: Annotated[float, typer.Option(help="Seconds that loading the version may take.")] = 300.0,
    min_requests: Annotated[int, typer.Option(help="Fewer requests in the bake time say nothing.")] = 1000,
    max_error_rate: Annotated[
        float, typer.Option(help="Share of requests that may fail by the server's fault.")
    ] = 0.01,
    max_p99_ms: Annotated[float, typer.Option(help="99th percentile of the latency, in milliseconds.")] = 100.0,
    exposures: Annotated[list[Path] | None, typer.Option(help="TFRecord file of exposures of the bake time.")] = None,
    outcomes: Annotated[Path | None, typer.Option(help="Clicks, as for `dimerec experiment report`.")] = None,
    buckets: Annotated[
        list[str] | None,
        typer.Option("--bucket", metavar="NAME=WEIGHT", help="A bucket of the exposures, control first."),
    ] = None,
    unit: Annotated[UnitName, typer.Option(help="What exposures and clicks are joined by.")] = UnitName.USER,
    save_config: Annotated[
        Path | None, typer.Option(help="Write the model config of the end here, for servers that start later.")
    ] = None,
    tls: access.Tls = False,
    ca_file: access.CaFile = None,
    certificate_file: access.CertificateFile = None,
    key_file: access.KeyFile = None,
    token_file: access.TokenFile = None,
    abort: Annotated[bool, typer.Option("--abort", help="Take the canary back instead.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rolls out a version of a model on running servers, the embedded one or TF Serving.

    The version is loaded beside the stable one and gets the label `canary`. Once the bake time has passed within the
    limits it becomes `stable`, and the other version is unloaded; otherwise the canary goes back. Metrics do not tell
    versions apart: give the metrics of the servers that serve the canary's traffic. With --exposures, --outcomes and
    --bucket a version whose users click significantly less goes back too.

    Killed, it leaves the labels as they are: start it again to go on, or with --abort to take the canary back.

    Exit status: 0 promoted (or aborted as asked), 3 rolled back, 4 a server could not be brought to a known state,
    1 nothing was done, 2 wrong options.

    Example: dimerec rollout --version 2 --server localhost:8500 --model-config-file models.config
    --metrics-url http://localhost:8501/monitoring/prometheus/metrics --bake 900
    """
    silence_native_logs()
    from serving.rollout.metrics import MetricsWatch
    from serving.rollout.model_config import read_model_config
    from serving.rollout.plan import make_plan, plan_abort
    from serving.rollout.rollout import Rollout
    from serving.rollout.server import ModelServer

    settings = _settings(
        bake_seconds=bake,
        interval_seconds=interval,
        load_seconds=load_timeout,
        min_requests=min_requests,
        max_error_rate=max_error_rate,
        max_p99_ms=max_p99_ms,
    )
    online = _online(exposures or [], outcomes, buckets or [], unit)
    config = read_model_config(model_config_file, model_name)
    shown = access.access(tls, ca_file, certificate_file, key_file, token_file)
    with ExitStack() as stack:
        servers = [
            ModelServer(address, model_name, load_seconds=load_timeout, access=shown)
            for address in dict.fromkeys(server)
        ]
        for each in servers:
            stack.callback(each.close)
        if abort:
            plan = plan_abort(servers)
        elif version is None or not metrics_url:
            raise DimeRecError("A rollout needs --version and --metrics-url; only --abort goes without.")
        else:
            plan = make_plan(servers, version)
        if dry_run:
            _print_plan(plan, [each.address for each in servers], as_json)
            return
        work = Rollout(servers, config, plan, settings)
        if abort:
            outcome = work.roll_back("Aborted as asked.")
        else:
            watch = MetricsWatch(metrics_url or [], model_name, access=shown)
            stack.callback(watch.close)
            bar = stack.enter_context(_progress_bar())
            task = bar.add_task(f"version {plan.version}", total=bake, measured="loading")
            outcome = work.run(watch, partial(_show, bar, task), online)
    _print_outcome(outcome, plan, as_json)
    _save(outcome, save_config)
    status = {"promoted": 0, "rolled_back": 0 if abort else ROLLED_BACK, "unfinished": UNFINISHED}[outcome.result]
    if status:
        raise typer.Exit(status)


def _settings(**values: float) -> "RolloutSettings":
    from pydantic import ValidationError

    from serving.rollout.settings import RolloutSettings

    try:
        return RolloutSettings.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        raise DimeRecError(f"{problem['loc'][0]}: {problem['msg']} (received {problem['input']!r}).") from error


def _online(exposures: list[Path], outcomes: Path | None, buckets: list[str], unit: UnitName) -> "OnlineCheck | None":
    if not exposures and outcomes is None and not buckets:
        return None
    if not exposures or outcomes is None or not buckets:
        raise DimeRecError("--exposures, --outcomes and --bucket belong together: give all of them or none.")
    from serving.experiments.buckets import parse_buckets
    from serving.rollout.online import fewer_clicks

    return partial(fewer_clicks, exposures, outcomes, parse_buckets(buckets), unit.value)


def _progress_bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[measured]}"),
    )
    return progress_bar(*columns)


def _show(bar: Progress, task: Any, seconds: float, health: "Health") -> None:
    measured = f"{health.requests:,} requests, {health.error_rate:.2%} errors, p99 {health.p99_ms:.1f} ms"
    bar.update(task, completed=seconds, measured=measured)


def _print_plan(plan: "Plan", addresses: list[str], as_json: bool) -> None:
    will = _STEPS[plan.action].format(version=f"version {plan.version}", stable=f"version {plan.stable}")
    if as_json:
        fields = {
            "action": plan.action,
            "stable": plan.stable,
            "version": plan.version,
            "servers": addresses,
            "will": will,
        }
        print_json(fields)
    else:
        say(f"Would {will}, on {', '.join(addresses)}.")


def _print_outcome(outcome: "Outcome", plan: "Plan", as_json: bool) -> None:
    stable = {"promoted": plan.version, "rolled_back": plan.stable}.get(outcome.result)
    if not as_json:
        now = "Run it again, or with --abort." if stable is None else f"Stable is version {stable}."
        say(f"{outcome.result.replace('_', ' ')}: {outcome.reason.rstrip('.')}. {now}")
        return
    fields = {"result": outcome.result, "reason": outcome.reason, "version": plan.version, "stable": stable}
    if outcome.health is not None:
        p99 = outcome.health.p99_ms
        fields |= {"requests": outcome.health.requests, "errors": outcome.health.errors}
        fields |= {"p99_ms": p99 if isfinite(p99) else None}
    print_json(fields)


def _save(outcome: "Outcome", path: Path | None) -> None:
    if path is not None and outcome.config is not None:
        from google.protobuf import text_format

        write_text(path, text_format.MessageToString(outcome.config))

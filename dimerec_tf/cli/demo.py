"""`dimerec demo`: the whole main job on MovieLens-100K, from log to answers over gRPC."""

import json
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from dimerec_tf.cli.data import fetch_and_show
from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.pipeline import print_outcome, protocol_line, require_blessing, run_pipeline
from dimerec_tf.cli.titles import read_titles
from dimerec_tf.config import Config, load_preset, parse_config
from dimerec_tf.data.public import DATASET_SHA256
from dimerec_tf.terminal import console, say
from dimerec_tf.whole_files import write_text

if TYPE_CHECKING:
    from serving.client.client import RecommendClient
    from tfx_pipeline.outcome import Outcome

DATASET = "ml-100k"
TEST_SPLIT = "test"
SHOWN_USERS = 3
SHOWN_EVENTS = 5
TIMED_REQUESTS = 300
PACKAGES = ("tensorflow", "tensorflow-recommenders", "tfx", "scann", "tensorflow-serving-api")


def demo(
    workdir: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("build/demo"),
) -> None:
    """MovieLens-100K from raw log to recommendations by title, answered over gRPC.

    Fetches the data, runs the TFX pipeline, shows the model beside its floors, serves the pushed version and asks it
    as a TF Serving client would. Run again, it reuses every step that did not change; killed, it goes on.

    Example: dimerec demo --workdir build/demo
    """
    started = time.monotonic()
    data = fetch_and_show(DATASET)
    config = _config(data)
    outcome = run_pipeline(config, workdir)
    print_outcome(config, outcome)
    _write_summary(workdir, _summary(config, outcome, None, time.monotonic() - started))
    require_blessing(outcome)
    shutil.copy(data / "items.csv", workdir)
    latencies = _serve_and_ask(config, outcome, workdir)
    _write_summary(workdir, _summary(config, outcome, latencies, time.monotonic() - started))
    _print_places(config, workdir)


def _config(data: Path) -> Config:
    values = load_preset(DATASET).model_dump()
    values["data"] |= {"path": str(data / "interactions.csv"), "items_path": str(data / "items.csv")}
    return parse_config(values)


def _serve_and_ask(config: Config, outcome: "Outcome", workdir: Path) -> dict[str, float]:
    from tfx_pipeline.workdir import Workdir

    paths = Workdir(workdir)
    with library_noise_in(paths.log):
        from serving.client.client import RecommendClient
        from serving.server.app import start_server
        from tfx_pipeline.examples import read_split

        histories = [history for _, history, _ in read_split(outcome.examples_uri, TEST_SPLIT)]
        server = start_server({config.name: paths.serving(config.name)}, "127.0.0.1:0")
        try:
            say(f"Serving version {outcome.pushed_version} on port {server.port} (gRPC, TF Serving's API).")
            with RecommendClient(f"127.0.0.1:{server.port}", config.name) as client:
                _show_users(client, histories, read_titles(workdir / "items.csv"))
                return _measure(client, histories)
        finally:
            server.stop()


def _show_users(client: "RecommendClient", histories: list[list[str]], titles: dict[str, str]) -> None:
    for number, history in enumerate(histories[:SHOWN_USERS], start=1):
        answer = client.recommend([history], k=SHOWN_EVENTS, filter_seen=True)[0]
        table = Table(title=f"Test user {number}: {len(history)} events", title_justify="left")
        table.add_column("latest events, newest first")
        table.add_column("recommended next")
        for event, item in zip(reversed(history[-SHOWN_EVENTS:]), answer.item_ids, strict=False):
            table.add_row(titles.get(event, event), titles.get(item, item))
        console.print(table)


def _measure(client: "RecommendClient", histories: list[list[str]]) -> dict[str, float]:
    """Milliseconds of one request after the other, one user each."""
    import numpy as np

    milliseconds = []
    for number in range(TIMED_REQUESTS):
        before = time.perf_counter()
        client.recommend([histories[number % len(histories)]], k=10, filter_seen=True)
        milliseconds.append(1000 * (time.perf_counter() - before))
    p50, p99 = np.percentile(milliseconds, [50, 99])
    say(f"{TIMED_REQUESTS} requests, one at a time: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def _summary(config: Config, outcome: "Outcome", latencies: dict[str, float] | None, seconds: float) -> dict[str, Any]:
    return {
        "dataset": DATASET,
        "data_sha256": DATASET_SHA256[DATASET],
        "config_fingerprint": config.fingerprint(),
        "seed": config.seed,
        "versions": {package: version(package) for package in ("dimerec", *PACKAGES)},
        "steps": {step.name: {"state": step.state, "seconds": round(step.seconds, 1)} for step in outcome.steps},
        "total_seconds": round(seconds, 1),
        "protocol": protocol_line(config).removesuffix(", in %"),
        "metrics": outcome.metrics,
        "slices": outcome.slices,
        "blessed": outcome.blessed,
        "refusals": outcome.refusals,
        "pushed_version": outcome.pushed_version,
        "request_latency": latencies,
    }


def _write_summary(workdir: Path, summary: dict[str, Any]) -> None:
    write_text(workdir / "summary.json", json.dumps(summary, indent=2) + "\n")


def _print_places(config: Config, workdir: Path) -> None:
    from tfx_pipeline.workdir import Workdir

    serving = Workdir(workdir).serving(config.name)
    say(
        f"\nEverything is under {workdir}: summary.json, artifacts/, metadata.sqlite, pipeline.log, "
        f"rejected_rows/, serving/.\nServe it yourself:\n"
        f"  .venv/bin/dimerec serve --model-base-path {serving}\n"
        f"  .venv/bin/dimerec recommend --user-history 50,181,172 --titles {workdir / 'items.csv'}\n"
        f"See its metrics by slice:\n"
        f"  .venv/bin/dimerec dashboard --workdir {workdir} --titles {workdir / 'items.csv'} --serve",
    )

"""`dimerec loadtest`: how many requests a running server answers, and how fast."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from dimerec_tf.cli import access
from dimerec_tf.cli.output import AsJson
from dimerec_tf.cli.recommend import GRPC_ADDRESS
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.errors import DimeRecError
from dimerec_tf.terminal import console, print_json, progress_bar
from dimerec_tf.whole_files import write_text

DRAWN = 1000


def loadtest(
    server: Annotated[str, typer.Option(metavar="HOST:PORT", help="gRPC port of the server.")] = GRPC_ADDRESS,
    model_name: Annotated[str, typer.Option(help="Name of the model on the server.")] = "dimerec",
    histories: Annotated[
        Path | None, typer.Option(help="Ask with these: a history a line, item ids with commas, oldest first.")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="Or with histories drawn from the item ids in this file, such as an export's assets/*.txt."),
    ] = None,
    history_length: Annotated[int, typer.Option(min=1, help="With --catalogue: ids in a history.")] = 30,
    concurrency: Annotated[
        str, typer.Option(metavar="N,N,...", help="How many callers at a time, one measurement for each number.")
    ] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each measurement takes.")] = 10.0,
    k: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="How many items a request asks for.")] = 10,
    num_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of the reverse walk, if the export takes that input.")
    ] = None,
    tls: access.Tls = False,
    ca_file: access.CaFile = None,
    certificate_file: access.CertificateFile = None,
    key_file: access.KeyFile = None,
    token_file: access.TokenFile = None,
    output: Annotated[Path | None, typer.Option(help="Write the rows here as JSON, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measures a server started with `dimerec serve`, or TF Serving, under load.

    Each of the callers asks for one history at a time, and again as soon as it has its answer. A second before each
    measurement does not count. Calls that fail, or take more than ten seconds, are counted by their gRPC status. The
    client takes about half a millisecond of CPU for a call: on the server's machine, that is part of the result.

    Example: dimerec loadtest --catalogue build/demo/serving/dimerec/1/assets/items.txt

    Example: dimerec loadtest --server gpu-1:8500 --histories histories.txt --concurrency 1,64 --seconds 60
    """
    levels = _levels(concurrency)
    if (histories is None) == (catalogue is None):
        raise DimeRecError("Say what to ask with: either --histories FILE or --catalogue FILE.")
    silence_native_logs()
    from serving.loadtest.load import run_load
    from serving.loadtest.requests import check_answered, drawn_histories, predict_requests, read_histories

    asked = read_histories(histories) if histories else drawn_histories(catalogue or Path(), DRAWN, history_length)
    requests = predict_requests(model_name, asked, k, num_steps)
    shown = access.access(tls, ca_file, certificate_file, key_file, token_file)
    check_answered(server, requests[0], shown)
    rows = []
    with _progress_bar() as bar:
        for level in levels:
            task = bar.add_task(f"concurrency {level}", total=seconds)
            rows.append(run_load(server, requests, level, seconds, partial(_advance, bar, task), shown).row())
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if output:
        write_text(output, json.dumps(rows, indent=2) + "\n")


def _levels(text: str) -> list[int]:
    try:
        levels = [int(part) for part in text.split(",")]
    except ValueError:
        levels = [0]
    if min(levels) < 1:
        raise DimeRecError(f"--concurrency takes numbers from 1 with commas between them, got {text!r}.")
    return levels


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return progress_bar(*columns)


def _advance(bar: Progress, task: TaskID, seconds: float) -> None:
    bar.update(task, completed=seconds)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table()
    for column in ("concurrency", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failures"):
        table.add_column(column, justify="right")
    for row in rows:
        times = [row[quantile] for quantile in ("p50_ms", "p95_ms", "p99_ms")]
        failures = ", ".join(f"{count} {status}" for status, count in row["failures"].items())
        cells = ["-" if time is None else f"{time:.2f}" for time in times]
        table.add_row(str(row["concurrency"]), f"{row['qps']:.1f}", *cells, failures or "0")
    console.print(table)

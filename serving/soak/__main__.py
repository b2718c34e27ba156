"""`python -m serving.soak`: the soak test, its figures and its verdict."""

import csv
import json
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dimerec_tf.environment import silence_native_logs


def main(
    output: Annotated[
        Path, typer.Option(help="JSON file whose keys `swap` and `soak` are written; its other keys are kept.")
    ],
    minutes: Annotated[float, typer.Option(min=0.0, help="After which no new round of faults begins.")] = 20.0,
    seconds_csv: Annotated[Path | None, typer.Option(help="CSV file with a row for every second.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG file with latency and memory over time.")] = None,
) -> None:
    """Serves a small export while versions come, go and are damaged, clients misbehave and the server is killed.

    Ends with status 1 if anything went wrong that must not.
    """
    silence_native_logs()
    from serving.soak.plot import plot
    from serving.soak.report import per_second, report
    from serving.soak.run import soak

    with TemporaryDirectory() as folder:
        record = soak(Path(folder), _free_port(), _free_port(), minutes * 60)
    sections, rows = report(record), per_second(record)
    _merge(output, sections)
    if seconds_csv:
        with seconds_csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    if picture:
        plot(record, rows, picture)
    typer.echo(json.dumps(sections, indent=2))
    if not all(section["passed"] for section in sections.values()):
        raise typer.Exit(1)


def _merge(file: Path, sections: dict[str, object]) -> None:
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**before, **sections}, indent=2) + "\n", encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    typer.run(main)

"""`python -m serving.soak`: the soak test, its figures and its verdict."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import pandas as pd
import typer

from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.measuring.results import merge_results
from dimerec_tf.terminal import print_json, say_aside
from dimerec_tf.whole_files import whole_file
from serving.server_process import free_port


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
        record = soak(Path(folder), free_port(), free_port(), minutes * 60, say_aside)
    sections, rows = report(record), per_second(record)
    merge_results(output, sections)
    if seconds_csv:
        with whole_file(seconds_csv) as file:
            pd.DataFrame(rows).to_csv(file, index=False)
    if picture:
        plot(record, rows, picture)
    print_json(sections)
    if not all(section["passed"] for section in sections.values()):
        raise typer.Exit(1)


if __name__ == "__main__":
    with catching_errors():
        typer.run(main)

"""`python -m tfx_pipeline.benchmark`, or `make bench-pipeline`: measures the steps before training."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.measuring.alone import Rows, measured_alone
from dimerec_tf.terminal import say
from tfx_pipeline.benchmark.event_log import write_log
from tfx_pipeline.benchmark.report import write_report
from tfx_pipeline.benchmark.steps import MEASURED, measure


def main(
    output: Annotated[Path, typer.Option(help="Where logs, artifacts and finished measurements are kept.")] = Path(
        "build/bench-pipeline"
    ),
    results: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("docs/benchmarks/pipeline.json"),
    page: Annotated[Path, typer.Option(help="Page to write; its plot goes to images/pipeline beside it.")] = Path(
        "docs/pipeline_benchmark.md"
    ),
    events: Annotated[list[int], typer.Option(min=1000, help="Size of a log; may be given several times.")] = [  # noqa: B006
        1_000_000,
        10_000_000,
    ],
    workers: Annotated[list[int], typer.Option(min=1, help="Beam workers; may be given several times.")] = [1, 2],  # noqa: B006
) -> None:
    """Measures ExampleGen, StatisticsGen and Transform on logs that are made up, in seconds and megabytes.

    Finished measurements are kept in the output directory: started again, the benchmark goes on with the next one.
    Nothing else should run on the machine meanwhile.

    Example: python -m tfx_pipeline.benchmark --events 1000000 --workers 1 --results build/p.json --page build/p.md
    """
    silence_native_logs()
    measured: Rows = {"pipeline": []}
    for size in events:
        log = output.resolve() / f"log-{size}"
        if not log.exists():
            write_log(log, size)
        for number in workers:
            work = output.resolve() / f"{size}-{number}"
            for component in MEASURED:
                say(f"{size:,} events, {component}, workers: {number}")
                kept = work / f"{component}.json"
                rows = measured_alone(kept, measure, log, work, component, size, number)
                measured["pipeline"] += rows["pipeline"]
    write_report(measured, results, page)
    say(f"Written to {results} and {page}.")


if __name__ == "__main__":
    with catching_errors():
        typer.run(main)

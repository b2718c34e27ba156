"""`python -m dimerec_tf.training_benchmark`, or `make bench-train`: measures training and writes what it found."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.measuring.alone import Rows, measured_alone
from dimerec_tf.terminal import say
from dimerec_tf.training_benchmark.pieces import measure, planned
from dimerec_tf.training_benchmark.report import write_report


def main(
    output: Annotated[Path, typer.Option(help="Where finished measurements are kept.")] = Path("build/bench-train"),
    results: Annotated[Path, typer.Option(help="JSON file to put the rows in; its other keys stay.")] = Path(
        "docs/benchmarks/training.json"
    ),
    page: Annotated[Path, typer.Option(help="Page to write; plots go to images/training beside it.")] = Path(
        "docs/training_benchmark.md"
    ),
    repeats: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 15,
    largest: Annotated[int, typer.Option(min=10_000, help="No catalogue of more items than this is tried.")] = (
        10_000_000
    ),
) -> None:
    """Measures training steps: DimeRec beside its peers, by catalogue, negatives, length of histories and switches.

    Finished measurements are kept in the output directory: started again, the benchmark goes on with the next one.
    Nothing else should run on the machine meanwhile. Ten million items take 9 GB of memory.

    Example: python -m dimerec_tf.training_benchmark --repeats 3 --largest 10000 --results build/t.json
    """
    silence_native_logs()
    pieces = list(planned(repeats, largest))
    measured: Rows = {}
    for number, piece in enumerate(pieces, start=1):
        say(f"[{number}/{len(pieces)}] {piece}")
        for key, rows in measured_alone(output / f"{piece}.json", measure, piece).items():
            measured.setdefault(key, []).extend(rows)
    write_report(measured, results, page)
    say(f"Written to {results} and {page}.")


if __name__ == "__main__":
    with catching_errors():
        typer.run(main)

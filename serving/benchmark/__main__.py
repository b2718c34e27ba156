"""`python -m serving.benchmark`, or `make bench-serving`: measures serving and writes what it found."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.errors import DimeRecError
from dimerec_tf.measuring.alone import Rows, measured_alone
from dimerec_tf.terminal import say
from serving.benchmark.pieces import CONCURRENCIES, Settings, measure, planned
from serving.benchmark.report import write_report


def main(
    output: Annotated[Path, typer.Option(help="Where the training, exports and finished measurements are kept.")] = (
        Path("build/bench-serving")
    ),
    results: Annotated[Path, typer.Option(help="JSON file to put the rows in; its other keys stay.")] = Path(
        "docs/benchmarks/serving.json"
    ),
    page: Annotated[Path, typer.Option(help="Page to write; plots go to images/serving beside it.")] = Path(
        "docs/serving_benchmark.md"
    ),
    catalogues: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of items.")] = "10000,100000,1000000",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each load is measured.")] = 10.0,
    repeats: Annotated[int, typer.Option(min=1, help="How often each search and each part of a call is timed.")] = 300,
) -> None:
    """Measures search, load, and where the time of a call goes, for exports of several sizes.

    Finished measurements are kept in the output directory with what they were asked: started again, the benchmark goes
    on with the next one. Nothing else should run on the machine meanwhile.

    Example: python -m serving.benchmark --catalogues 10000 --seconds 2 --results build/s.json --page build/s.md
    """
    silence_native_logs()
    settings = Settings(_numbers(catalogues), CONCURRENCIES, seconds, repeats)
    pieces = planned(settings)
    measured: Rows = {}
    for number, piece in enumerate(pieces, start=1):
        say(f"[{number}/{len(pieces)}] {piece}")
        file = output / "measured" / f"{piece}-{settings.seconds:g}s-{settings.repeats}.json"
        for key, rows in measured_alone(file, measure, output, piece, settings).items():
            measured.setdefault(key, []).extend(rows)
    write_report(measured, results, page)
    say(f"Written to {results} and {page}.")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1000:
        raise DimeRecError(f"--catalogues takes numbers from 1000 with commas between them, got {text!r}.")
    return numbers


if __name__ == "__main__":
    with catching_errors():
        typer.run(main)

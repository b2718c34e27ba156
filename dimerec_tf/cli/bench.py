"""`dimerec bench`: accuracy of models over data sets and seeds beside the floors, without TFX."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.presets import load_preset_with_data, require_one_source
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import say
from dimerec_tf.whole_files import write_text

if TYPE_CHECKING:
    from dimerec_tf.evaluation.bench_config import BenchConfig


def bench(
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file with datasets, models, evaluation and seeds; see docs/benchmarking.md."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration instead, on the public data set of its name.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="With --preset: how many seeds, counted up from its own.")] = 3,
    output: Annotated[Path, typer.Option(help="Where finished runs, accuracy.json and accuracy.md go.")] = Path(
        "build/bench"
    ),
    log: Annotated[Path | None, typer.Option(help="With --preset: the log, instead of fetching it.")] = None,
    items: Annotated[Path | None, typer.Option(help="With --preset: the item file with categories.")] = None,
    collect: Annotated[
        Path | None, typer.Option(help="A JSON list of results to add to, in place of the same models' rows.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A documentation page to write as well, of all that --collect holds.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(help="Where TensorBoard finds the curves of each training.")] = None,
) -> None:
    """Trains models with several seeds and measures them beside popularity and sequential rules.

    Finished runs and epochs are kept in the output directory: started again after a kill, the benchmark goes on there.

    Example: dimerec bench --preset ml-100k --seeds 3

    Example: dimerec bench --preset ml-1m --log ratings.csv

    Example: dimerec bench --config bench.yaml --output build/bench
    """
    require_one_source(config, preset, log, items)
    with alone_in(output), library_noise_in(output / "bench.log"):
        from dimerec_tf.evaluation.bench_config import load_bench_config
        from dimerec_tf.evaluation.bench_page import markdown_page
        from dimerec_tf.evaluation.bench_report import MODEL_KEYS, report_rows
        from dimerec_tf.evaluation.bench_runs import run_benchmark
        from dimerec_tf.evaluation.json_rows import replace_rows

        settings = load_bench_config(config) if config else _of_preset(preset or "", log, items, seeds)
        results = run_benchmark(settings, output / "runs", say, logs)
        rows = report_rows(settings, results, _command(config, preset, log, items, seeds))
        write_text(output / "accuracy.json", json.dumps(rows, indent=2) + "\n")
        write_text(output / "accuracy.md", markdown_page(rows))
        collected = replace_rows(collect, rows, MODEL_KEYS) if collect else rows
        if page:
            write_text(page, markdown_page(collected))
    say(markdown_page(rows))
    say(f"Written to {', '.join(str(place) for place in (output, collect, page) if place)}.")


def _of_preset(name: str, log: Path | None, items: Path | None, seeds: int) -> "BenchConfig":
    from dimerec_tf.evaluation.bench_config import BenchConfig, BenchEvaluation, BenchModel

    shipped = load_preset_with_data(name, log, items)
    return BenchConfig(
        datasets={name: shipped.data},
        models={"dimerec": BenchModel(preset=name)},
        evaluation=BenchEvaluation(**shipped.evaluation.model_dump(exclude_unset=True)),
        seeds=tuple(range(shipped.seed, shipped.seed + seeds)),
    )


def _command(config: Path | None, preset: str | None, log: Path | None, items: Path | None, seeds: int) -> str:
    """What wrote a result, without the directories of files that lie elsewhere for everybody."""
    if config:
        return f"dimerec bench --config {config.name if config.is_absolute() else config}"
    files = [f" --{option} {file.name}" for option, file in {"log": log, "items": items}.items() if file]
    return f"dimerec bench --preset {preset} --seeds {seeds}{''.join(files)}"

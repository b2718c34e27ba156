"""`dimerec bench`: accuracy of models over data sets and seeds beside the floors, without TFX."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dimerec_tf.cli.output import console, library_noise_in
from dimerec_tf.config import load_preset
from dimerec_tf.environment import cache_dir
from dimerec_tf.errors import DimeRecError

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
    page: Annotated[Path | None, typer.Option(help="A documentation page to write as well.")] = None,
) -> None:
    """Trains models with several seeds and measures them beside popularity and sequential rules.

    Finished runs are kept in the output directory: started again after a kill, the benchmark goes on with the next one.

    Example: dimerec bench --preset ml-100k --seeds 3

    Example: dimerec bench --config bench.yaml --output build/bench
    """
    if (config is None) == (preset is None):
        raise DimeRecError("Name what to run: either --config FILE or --preset NAME.")
    with library_noise_in(output / "bench.log"):
        from dimerec_tf.evaluation.bench_config import load_bench_config
        from dimerec_tf.evaluation.bench_report import markdown_page, report_rows
        from dimerec_tf.evaluation.bench_runs import run_benchmark

        settings = load_bench_config(config) if config else _of_preset(preset or "", seeds)
        results = run_benchmark(settings, output / "runs", console.print)
        command = f"dimerec bench --config {config}" if config else f"dimerec bench --preset {preset} --seeds {seeds}"
        rows = report_rows(settings, results, command)
    text = markdown_page(rows)
    (output / "accuracy.json").write_text(json.dumps(rows, indent=2) + "\n")
    for file in (output / "accuracy.md", *([page] if page else [])):
        file.write_text(text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    console.print(f"Written to {output}{f' and {page}' if page else ''}.", soft_wrap=True)


def _of_preset(name: str, seeds: int) -> "BenchConfig":
    from dimerec_tf.data.public import INTERACTIONS, ITEMS, fetch
    from dimerec_tf.evaluation.bench_config import BenchConfig, BenchModel

    shipped = load_preset(name)
    folder = fetch(name, cache_dir())
    data = shipped.data.model_copy(update={"path": str(folder / INTERACTIONS), "items_path": str(folder / ITEMS)})
    return BenchConfig(
        datasets={name: data},
        models={"dimerec": BenchModel(model=shipped.model, training=shipped.training)},
        evaluation=shipped.evaluation,
        seeds=tuple(range(shipped.seed, shipped.seed + seeds)),
    )

"""`dimerec bench`: accuracy over several seeds beside the floors, without TFX."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import dimerec_tf
from dimerec_tf.cli.output import console, library_noise_in
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config, load_preset, parse_config
from dimerec_tf.environment import cache_dir

if TYPE_CHECKING:
    from dimerec_tf.evaluation.benchmark import Benchmark, SplitResults

FLOORS = ("popularity", "sequential_rules")


def bench(
    preset: Annotated[str, typer.Option(help="Name of a shipped configuration, which is also its public data set.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, counted up from the preset's.")] = 3,
    output: Annotated[Path, typer.Option(help="Where result.json and result.md go.")] = Path("build/bench"),
    page: Annotated[Path | None, typer.Option(help="A documentation page to write with the same table.")] = None,
) -> None:
    """Trains a preset with several seeds and measures it beside popularity and sequential rules.

    Finished seeds are kept in the output directory: started again after a kill, the benchmark goes on.

    Example: dimerec bench --preset ml-100k --seeds 3
    """
    from dimerec_tf.data.public import DATASET_SHA256, fetch
    from dimerec_tf.evaluation.benchmark import Benchmark, markdown_page, summarise

    shipped = load_preset(preset)
    config = _with_data(shipped, fetch(preset, cache_dir()) / "interactions.csv")
    output.mkdir(parents=True, exist_ok=True)
    with library_noise_in(output / "bench.log"):
        results = _run_all(Benchmark(config), seeds, output)
    rows = summarise(
        results, shipped, preset, DATASET_SHA256[preset], f"dimerec bench --preset {preset} --seeds {seeds}"
    )
    _write(rows, markdown_page(rows), [output / "result.md", *([page] if page else [])], output / "result.json")


def _run_all(benchmark: "Benchmark", seeds: int, output: Path) -> dict[str, list["SplitResults"]]:
    """Floors once, the model with every seed; a seed that is kept in `output` is not trained again."""
    results: dict[str, list[SplitResults]] = {name: [benchmark.run_floor(name)] for name in FLOORS}
    results["dimerec"] = []
    config = benchmark.config
    run = f"{config.fingerprint()}-{code_version(dimerec_tf)}"
    for number in range(seeds):
        seed = config.seed + number
        kept = output / f"{run}-seed-{seed}.json"
        if not kept.exists():
            console.print(f"Training seed {seed} ({number + 1} of {seeds})")
            kept.write_text(json.dumps(benchmark.run_model(seed)))
        results["dimerec"].append(json.loads(kept.read_text()))
    return results


def _with_data(config: Config, path: Path) -> Config:
    values = config.model_dump()
    values["data"]["path"] = str(path)
    return parse_config(values)


def _write(rows: list[dict[str, Any]], text: str, pages: list[Path], result: Path) -> None:
    result.write_text(json.dumps(rows, indent=2) + "\n")
    for page in pages:
        page.write_text(text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    console.print(f"Written to {', '.join(str(path) for path in (result, *pages))}", soft_wrap=True)

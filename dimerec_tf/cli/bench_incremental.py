"""`dimerec bench-incremental`: a warm start beside its start and beside a training from scratch."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.presets import load_source
from dimerec_tf.evaluation.json_rows import Row, replaced
from dimerec_tf.measuring.results import merge_results
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import console, say

SECTION = "incremental"
CHANCE = 0.05  # p-values above it tell nothing
KEYS = ("dataset", "protocol", "new_events", "config_hash")  # one row for each


def bench_incremental(
    config: Annotated[Path | None, typer.Option(help="YAML configuration; its `warm_start` is measured.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration instead, on the public data set of its name.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="With --preset: the log, instead of fetching it.")] = None,
    new: Annotated[
        float, typer.Option(min=0.001, max=0.7, help="Share of the training events that came since the previous model.")
    ] = 0.05,
    seeds: Annotated[int, typer.Option(min=1, help="How many, counted up from the configured one.")] = 3,
    output: Annotated[Path, typer.Option(help="Where finished trainings are kept.")] = Path("build/bench-incremental"),
    results: Annotated[Path | None, typer.Option(help="JSON file to put the row in; its other keys stay.")] = None,
) -> None:
    """Trains yesterday's model, today's from scratch and today's from yesterday's, and compares the three.

    The log is split by time. Yesterday's training events are those of today without the latest. All three models have
    to predict every event of the test period from its user's earlier events. Finished trainings from scratch are kept
    in the output directory.

    Example: dimerec bench-incremental --preset ml-100k --seeds 1

    Example: dimerec bench-incremental --preset ml-1m --log ratings.csv --results docs/benchmarks/training.json
    """
    settings = load_source(config, preset, log)
    dataset = preset or Path(config or "").stem
    with alone_in(output), library_noise_in(output / "bench.log"):
        from dimerec_tf.evaluation.incremental import Incremental

        incremental = Incremental(settings, dataset, new, output / "runs", say)
        runs = [incremental.run(seed) for seed in range(settings.seed, settings.seed + seeds)]
        row = incremental.row(runs, _command(config, preset, log, new, seeds))
    console.print(_table(row))
    for sentence in _verdict(row):
        say(sentence)
    if results:
        former = json.loads(results.read_text()).get(SECTION, []) if results.exists() else []
        merge_results(results, {SECTION: replaced(former, [row], KEYS)})
        say(f"Written to {results}.")


def _verdict(row: Row) -> list[str]:
    """What the row says of the warm start; a warning unless it is clearly better than the model that it starts from."""
    sentences = [
        f"The warm start has {100 * row['ndcg_ratio']:.1f} % of the NDCG@10 of a training from scratch, in "
        f"{100 * row['seconds_ratio']:.1f} % of its time. "
        f"It is {row['ndcg_gain']:+.2f} points from the model it starts from (p {row['p_value']:.2g})."
    ]
    if row["ndcg_gain"] <= 0 or row["p_value"] > CHANCE:
        sentences.append(
            "warning: The warm start is no better than the model it starts from, or chance may explain the difference. "
            "Try other `warm_start.epochs` and `warm_start.learning_rate`, more seeds, or a training from scratch."
        )
    return sentences


def _table(row: Row) -> Table:
    grown = f"{100 * row['new_events']:g} % new events, {row['new_items']} new items"
    table = Table("model", title=f"{row['dataset']}, {row['protocol']}, {grown}, {row['seeds']} seeds")
    for column in next(iter(row["models"].values())):
        table.add_column(column, justify="right")
    for model, values in row["models"].items():
        table.add_row(model, *(f"{value['mean']:.2f} ± {value['sd']:.2f}" for value in values.values()))
    return table


def _command(config: Path | None, preset: str | None, log: Path | None, new: float, seeds: int) -> str:
    source = f"--config {config.name}" if config else f"--preset {preset}"
    return f"dimerec bench-incremental {source}{f' --log {log.name}' if log else ''} --new {new:g} --seeds {seeds}"

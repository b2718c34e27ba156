"""`dimerec tune`: a search for better hyper-parameters, judged on the validation split."""

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.presets import load_source
from dimerec_tf.config import with_values
from dimerec_tf.config_tuning import OBJECTIVE
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import console, say
from dimerec_tf.whole_files import write_text

if TYPE_CHECKING:
    import pandas as pd


def tune(
    config: Annotated[Path | None, typer.Option(help="YAML configuration; its `tuning` says what is tried.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration instead, on the public data set of its name.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="With --preset: the log, instead of fetching it.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many, finished ones included.")] = None,
    output: Annotated[Path, typer.Option(help="Where trials, their table and plot and the best configuration go.")] = (
        Path("build/tune")
    ),
) -> None:
    """Trains with other values of some keys of the configuration, and keeps the best by NDCG@10 on validation.

    The test split is not looked at. Finished trials and epochs are kept in the output directory: started again after a
    kill, the search goes on there, and with more --trials after the last one.

    Example: dimerec tune --preset ml-100k --trials 20

    Example: dimerec tune --config my-shop.yaml --output build/my-shop-tune
    """
    settings = load_source(config, preset, log)
    if trials:
        settings = with_values(settings, {"tuning.trials": trials})
    with alone_in(output), library_noise_in(output / "tune.log"):
        from dimerec_tf.figures.drawing import write
        from dimerec_tf.figures.trials import draw
        from dimerec_tf.tuning.library import library_search
        from dimerec_tf.tuning.trials import best_config, trial_table

        search = library_search(settings, output / "trials", say)
        search.search()
        table = trial_table(search)
        write("trials", table, partial(draw, space=search.tuning.space), output)
        write_text(output / "best.yaml", best_config(search).to_yaml())
    console.print(_printed(table))
    say(f"Written to {output}: best.yaml is the configuration with the best trial's values.")


def _printed(table: "pd.DataFrame") -> Table:
    """The trials, best first, failed ones last."""
    ordered = table.sort_values(OBJECTIVE, ascending=False).rename(columns={OBJECTIVE: f"{OBJECTIVE} (%)"})
    printed = Table(*ordered.columns, title="Validation split, full catalogue")
    for row in ordered.to_dict("records"):
        printed.add_row(*(_cell(value) for value in row.values()))
    return printed


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "failed" if math.isnan(value) else f"{value:.4g}"

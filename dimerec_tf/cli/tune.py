"""`dimerec tune`: a search for better hyper-parameters, judged on the validation split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.output import console, library_noise_in
from dimerec_tf.cli.presets import load_source
from dimerec_tf.config_tuning import TuningConfig

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

    The test split is not looked at. Started again after a kill, the search goes on within the trial that it was at, and
    with more --trials after the last one.

    Example: dimerec tune --preset ml-100k --trials 20

    Example: dimerec tune --config my-shop.yaml --output build/my-shop-tune
    """
    settings = load_source(config, preset, log)
    tuning = settings.tuning or TuningConfig()
    if trials:
        tuning = tuning.model_copy(update={"trials": trials})
    with library_noise_in(output / "tune.log"):
        from dimerec_tf.figures.drawing import write
        from dimerec_tf.figures.trials import draw
        from dimerec_tf.tuning.library import library_search
        from dimerec_tf.tuning.trials import best_config, trial_table

        search = library_search(settings, tuning, output, console.print)
        search.search()
        table = trial_table(search)
        best = best_config(search)
        write("trials", table, draw, output)
        (output / "best.yaml").write_text(best.to_yaml())
    console.print(_printed(table))
    console.print(f"Written to {output}: best.yaml is the configuration with the best trial's values.", soft_wrap=True)


def _printed(table: "pd.DataFrame") -> Table:
    """The trials, best first, failed ones last."""
    ordered = table.sort_values(table.columns[-1], ascending=False)
    printed = Table(*ordered.columns, title="Validation split, full catalogue, NDCG@10 in %")
    for row in ordered.to_dict("records"):
        printed.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    return printed

"""`dimerec figures`: the paper's analyses on a data set, as PNG and CSV."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.presets import load_preset_with_data, require_one_source
from dimerec_tf.config import Config, load_config, load_preset
from dimerec_tf.errors import DimeRecError
from dimerec_tf.figures.names import FigureName
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import say


def figures(
    config: Annotated[Path | None, typer.Option(help="YAML configuration of a DimeRec and its data.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration instead, on the public data set of its name.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="With --preset: the log, instead of fetching it.")] = None,
    items: Annotated[Path | None, typer.Option(help="With --preset: the item file, for probing.")] = None,
    output: Annotated[Path, typer.Option(help="Where figures and finished runs go.")] = Path("build/figures"),
    only: Annotated[
        list[FigureName] | None, typer.Option(help="A figure to draw; may be given again. All without it.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Shorter trainings than configured.")] = None,
    reverse_steps_json: Annotated[
        Path | None, typer.Option(help="With trajectory: a JSON list for its accuracy by reverse steps.")
    ] = None,
) -> None:
    """Draws the paper's analyses: each figure as PNG, with its numbers beside it as CSV.

    Finished trainings are kept in the output directory: started again after a kill, the command goes on with the next
    one. docs/figures.md says what each figure shows.

    Example: dimerec figures --preset ml-100k --only fig2 --only trajectory

    Example: dimerec figures --config my-shop.yaml --output build/my-shop-figures
    """
    require_one_source(config, preset, log, items)
    wanted = list(dict.fromkeys(only or FigureName))
    if reverse_steps_json and FigureName.TRAJECTORY not in wanted:
        raise DimeRecError("--reverse-steps-json is written with the figure trajectory: add --only trajectory.")
    settings = _settings(config, preset, log, items, reads_data=wanted != [FigureName.FIG2])
    if epochs:
        settings = settings.model_copy(update={"training": settings.training.model_copy(update={"epochs": epochs})})
    with alone_in(output), library_noise_in(output / "figures.log"):
        from dimerec_tf.figures.drawing import write
        from dimerec_tf.figures.registry import FIGURES
        from dimerec_tf.figures.study import FigureRefused, Study
        from dimerec_tf.figures.trajectory import write_reverse_steps

        study = Study(settings, preset or Path(config or "").stem, output / "runs", say)
        for number, name in enumerate(wanted, start=1):
            say(f"Figure {number} of {len(wanted)}: {name.value}")
            try:
                table = FIGURES[name].data(study)
            except FigureRefused as refusal:
                if only:
                    raise
                say(f"{name.value} is left out: {refusal}")
                continue
            write(name.value, table, FIGURES[name].draw, output)
            if reverse_steps_json and name is FigureName.TRAJECTORY:
                write_reverse_steps(study, table, reverse_steps_json)
    say(f"Written to {output}{f' and {reverse_steps_json}' if reverse_steps_json else ''}.")


def _settings(
    config: Path | None, preset: str | None, log: Path | None, items: Path | None, reads_data: bool
) -> Config:
    """A preset's data set is fetched only where it is read."""
    if config:
        return load_config(config)
    return load_preset_with_data(preset or "", log, items) if reads_data else load_preset(preset or "")

"""`dimerec lineage`: what a pushed version was made of."""

import os
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.table import Table

from dimerec_tf.cli.output import AsJson, library_noise_in, metric_table, say_moved
from dimerec_tf.terminal import console, print_json, say

if TYPE_CHECKING:
    from tfx_pipeline.lineage import Lineage

PARAMETERS = ("seed", "model", "training", "warm_start")


def lineage(
    model_version: Annotated[int, typer.Argument(help="Number of the pushed version.")],
    workdir: Annotated[Path, typer.Option(help="That of the pipeline that pushed it.")] = Path("build/pipeline"),
    name: Annotated[str, typer.Option(help="`name` of its configuration.")] = "dimerec",
    as_json: AsJson = False,
) -> None:
    """Prints the data, the code, the parameters and the models that a pushed version comes from, and its metrics.

    With --json the whole configuration too.

    Example: dimerec lineage 3 --workdir build/my-shop
    """
    with library_noise_in(Path(os.devnull)):
        from tfx_pipeline.lineage import read_lineage
        from tfx_pipeline.moved import settle_to_read
        from tfx_pipeline.workdir import Workdir

        paths = Workdir(workdir.resolve())
        say_moved(settle_to_read(paths))
        found = read_lineage(paths.metadata, model_version, name)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: "Lineage") -> None:
    pushed_at = datetime.fromtimestamp(found.pushed_at / 1000, timezone.utc)
    facts = Table(title=f"version {found.version}, {found.path}", show_header=False, title_justify="left")
    facts.add_column("what")
    facts.add_column("which", overflow="fold")
    facts.add_row("pushed", f"{pushed_at:%Y-%m-%d %H:%M:%S} UTC")
    facts.add_row("pipeline run", found.run)
    facts.add_row("log", found.config["data"]["path"])
    for span in found.spans:
        facts.add_row(f"span {span['span']}", f"{span['files']}, {span['events']:,} events")
    facts.add_row("log's fingerprint", found.log_fingerprint)
    facts.add_row("code", found.code_version)
    facts.add_row("warm start from", _version(found.warm_start))
    facts.add_row("compared with", _version(found.baseline))
    for step in found.ancestors:
        facts.add_row(f"{step.step}, execution {step.execution}", step.uri)
    console.print(facts)
    console.print(metric_table("test split, in %", found.metrics))
    parameters = {section: found.config[section] for section in PARAMETERS}
    say(yaml.safe_dump(parameters, sort_keys=False))


def _version(number: int | None) -> str:
    return "no version" if number is None else f"version {number}"

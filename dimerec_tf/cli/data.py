"""`dimerec data`: fetch a public data set, check a log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.log_table import as_rows, as_values
from dimerec_tf.cli.output import AsJson
from dimerec_tf.config import DataConfig, load_config
from dimerec_tf.environment import cache_dir
from dimerec_tf.terminal import console, print_json, say, working

if TYPE_CHECKING:
    from dimerec_tf.data.log_check import LogCheck

app = typer.Typer(help="Fetch public data sets and check logs.", no_args_is_help=True)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="Name of a public data set: ml-100k.")]) -> None:
    """Downloads a public data set into the cache, or checks the copy that is there.

    Example: dimerec data fetch ml-100k
    """
    fetch_and_show(name)


def fetch_and_show(name: str) -> Path:
    """Fetches a public data set, prints its files and its licence, and returns its directory.

    Raises:
        DatasetError: there is no such data set, or no source could be reached.
    """
    from dimerec_tf.data import public

    with working(f"Fetching {name}"):
        folder = public.fetch(name, cache_dir())
    for file, rows in public.ROWS[name].items():
        say(f"{folder / file}: {rows:,} rows")
    say(public.LICENCES[name])
    return folder


@app.command()
def check(
    config: Annotated[Path, typer.Option(help="YAML configuration; `data` says where the log is and how to read it.")],
    as_json: AsJson = False,
) -> None:
    """Reads a log as the pipeline does, says what is in it, and refuses what the pipeline would refuse.

    Example: dimerec data check --config my-shop.yaml
    """
    from dimerec_tf.data.log_check import check_log

    data = load_config(config).data
    with working(f"Reading {data.path}") as status:
        found = check_log(data, status.update)
    if as_json:
        print_json(as_values(found, data))
    else:
        _print(found, data)
    found.judge(data)


def _print(found: "LogCheck", data: DataConfig) -> None:
    table = Table(title=data.path, show_header=False, title_justify="left")
    table.add_column("what", overflow="fold")
    table.add_column("how many", justify="right")
    for what, number in as_rows(found, data):
        table.add_row(what, number)
    console.print(table)

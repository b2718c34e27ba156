"""`dimerec data`: fetch a public data set, check a log."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.output import AsJson
from dimerec_tf.config import load_config
from dimerec_tf.environment import cache_dir
from dimerec_tf.terminal import console, print_json, say, working

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
    """Reads a log as the pipeline does and counts what it holds; fails if too much of it had to be set aside.

    Example: dimerec data check --config my-shop.yaml
    """
    from dimerec_tf.data.rejects import RejectedRows
    from dimerec_tf.data.splits import load_users

    data = load_config(config).data
    with working(f"Reading {data.path}"), RejectedRows() as rejected:
        users, _ = load_users(data, rejected)
        summary = rejected.summarise(sum(len(user.items) for user in users))
    counts = {
        "events": summary.kept,
        "users": len(users),
        "items": len({item for user in users for item in user.items}),
    }
    if as_json:
        cut = {"cut_events": summary.cut_events, "cut_users": summary.cut_users}
        print_json({**counts, "set_aside": dict(summary.rejected), **cut})
    else:
        table = Table(title=data.path, show_header=False, title_justify="left")
        table.add_column("what")
        table.add_column("how many", justify="right")
        rows = {**counts, **{f"set aside: {reason}": count for reason, count in sorted(summary.rejected.items())}}
        if summary.cut_users:
            rows |= {f"cut off: beyond {data.max_user_events:,} of a user": summary.cut_events}
            rows |= {"users cut": summary.cut_users}
        for what, count in rows.items():
            table.add_row(what, f"{count:,}")
        console.print(table)
    summary.check(data.max_bad_fraction, None)

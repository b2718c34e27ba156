"""`dimerec pipeline refresh`: new and withdrawn items for the model that is live, without training."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.cli.output import library_noise_in, say_moved
from dimerec_tf.config import load_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import say


def refresh(
    config: Annotated[Path, typer.Option(help="The configuration of the pipeline that pushed the model.")],
    workdir: Annotated[Path, typer.Option(help="Its workdir.")] = Path("build/pipeline"),
    withdraw: Annotated[Path | None, typer.Option(help="Item ids no longer to recommend, one a line.")] = None,
    add: Annotated[
        Path | None,
        typer.Option(
            help='New items, one a line: {"item_id": "a", "cooccurring": ["b", "c"]}, or with "vector": [0.1, ...]; '
            "one that was withdrawn comes back by its item_id alone."
        ),
    ] = None,
) -> None:
    """Pushes the newest version again with other items, its indexes built and measured anew.

    Histories may still hold withdrawn items, and answers never do. A later training starts from the log and knows
    nothing of a refresh.

    Example: dimerec pipeline refresh --config my-shop.yaml --workdir build/my-shop --withdraw sold-out.txt
    """
    if withdraw is None and add is None:
        raise DimeRecError("Say what changes: --withdraw FILE, --add FILE, or both.")
    settings = load_config(config)
    from dimerec_tf.export.catalogue_changes import read_new_items, read_withdrawn
    from tfx_pipeline.workdir import Workdir

    if withdraw:
        read_withdrawn(withdraw)
    if add:
        read_new_items(add)
    paths = Workdir(workdir.resolve())
    with alone_in(paths.root), library_noise_in(paths.log):
        say(f"Loading TFX; its log goes to {paths.log}.")
        from dimerec_tf.export.load import read_record
        from tfx_pipeline.moved import settle
        from tfx_pipeline.refresh import run_refresh

        say_moved(settle(paths))
        version = run_refresh(settings, paths, withdraw, add)
        record = read_record(version).facts
    changes = record["refresh"]
    say(
        f"Pushed as version {version.name} to {version}: {changes['new']} items new, {changes['withdrawn']} "
        f"withdrawn, {changes['unknown']} to withdraw that the model does not know; "
        f"{record['items'] - record['withdrawn_items']} can be recommended.",
    )

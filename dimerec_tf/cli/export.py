"""`dimerec export`: a kept model as versions for a model server."""

import json
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from dimerec_tf.cli import kept_model
from dimerec_tf.cli.output import console, library_noise_in


class IndexChoice(str, Enum):
    """The values of `IndexName`, as an option takes them."""

    IVF = "ivf"
    SCANN = "scann"


def export(
    model: kept_model.Model,
    output: Annotated[Path, typer.Option(help="Where the directories of versions go, one for each way to search.")] = (
        Path("build/export")
    ),
    log: kept_model.Log = None,
    index: Annotated[
        list[IndexChoice] | None,
        typer.Option(help="Beside the exact search; may be repeated. As configured without it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Writes a model with exact search and with each index as SavedModels with warm-up requests.

    They become the newest version below OUTPUT/NAME, OUTPUT/NAME_ivf and OUTPUT/NAME_scann, whole or not at all: a
    server may be watching. Each index searches as much as finds `export.target_recall` on training histories.

    Example: dimerec export --model build/model/exact --output build/export

    Example: dimerec export --model build/model/exact --index ivf
    """
    with library_noise_in(output / "export.log"), Console(stderr=True).status("Reading model and log") as status:
        from dimerec_tf.export.push import index_folder, push
        from dimerec_tf.export.recall import sample_histories
        from dimerec_tf.export.save import save_exact, save_indexed
        from dimerec_tf.retrieval.exact import ModelScorer

        trained, config, benchmark = kept_model.load_kept(model, log)
        scorer = ModelScorer(trained)
        histories = sample_histories(benchmark.sequences, config.model.max_history)
        with TemporaryDirectory() as scratch:
            vocabulary, exact = Path(scratch) / "items.txt", Path(scratch) / "exact"
            benchmark.encoder.save(vocabulary)
            status.update("Exporting the exact search")
            save_exact(scorer, vocabulary, config, exact)
            indexes = [choice.value for choice in dict.fromkeys(index)] if index else config.export.indexes
            for name in indexes:
                status.update(f"Exporting {name}")
                save_indexed(name, scorer, histories, vocabulary, config, index_folder(exact, name))
            version = push(exact, output / config.name)
    names = [config.name, *(f"{config.name}_{name}" for name in indexes)]
    paths = [str(output / name / str(version)) for name in names]
    if as_json:
        typer.echo(json.dumps({"version": version, "paths": paths}, indent=2))
    else:
        console.print(f"Version {version}: {', '.join(paths)}", highlight=False, soft_wrap=True)
        console.print(f"Serve it: dimerec serve --model-base-path {output / config.name}", soft_wrap=True)

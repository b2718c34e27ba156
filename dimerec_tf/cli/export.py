"""`dimerec export`: a kept model as versions for a model server."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dimerec_tf.cli import kept_model
from dimerec_tf.cli.output import AsJson, library_noise_in
from dimerec_tf.config import with_values
from dimerec_tf.scann_library import require_scann
from dimerec_tf.terminal import print_json, say, working


def export(
    model: kept_model.Model,
    output: Annotated[Path, typer.Option(help="Where the directories of versions go, one for each way to search.")] = (
        Path("build/export")
    ),
    log: kept_model.Log = None,
    index: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="ivf or scann; may be repeated. As configured without it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes a model with exact search and with each index as SavedModels with warm-up requests.

    They become the newest version below OUTPUT/NAME, OUTPUT/NAME_ivf and OUTPUT/NAME_scann, whole or not at all: a
    server may be watching. Each index searches as much as finds `export.target_recall` on training histories.

    Example: dimerec export --model build/model/exact --output build/export

    Example: dimerec export --model build/model/exact --index ivf
    """
    with library_noise_in(output / "export.log"), working("Reading model and log") as status:
        from dimerec_tf.export.load import read_record
        from dimerec_tf.export.push import index_folder, push
        from dimerec_tf.export.recall import sample_histories
        from dimerec_tf.export.save import save_exact, save_indexed
        from dimerec_tf.retrieval.exact import ModelScorer

        indexes = list(dict.fromkeys(index or read_record(model).config.export.indexes))
        require_scann(indexes)
        trained, config, benchmark = kept_model.load_kept(model, log)
        config = with_values(config, {"export.indexes": indexes})
        scorer = ModelScorer(trained)
        histories = sample_histories(benchmark.sequences, config.model.max_history)
        with TemporaryDirectory() as scratch:
            vocabulary, exact = Path(scratch) / "items.txt", Path(scratch) / "exact"
            benchmark.encoder.save(vocabulary)
            status.update("Exporting the exact search")
            save_exact(scorer, vocabulary, config, exact)
            for name in config.export.indexes:
                status.update(f"Exporting {name}")
                save_indexed(name, scorer, histories, vocabulary, config, index_folder(exact, name))
            version = push(exact, output / config.name)
    names = [config.name, *(f"{config.name}_{name}" for name in config.export.indexes)]
    paths = [str(output / name / str(version)) for name in names]
    if as_json:
        print_json({"version": version, "paths": paths})
    else:
        say(f"Version {version}: {', '.join(paths)}")
        say(f"Serve it: dimerec serve --model-base-path {output / config.name}")

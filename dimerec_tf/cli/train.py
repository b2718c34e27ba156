"""`dimerec train`: a model from a log, without TFX."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.cli.presets import load_source
from dimerec_tf.config import Config, ConfigError
from dimerec_tf.config_training import CLUSTERED
from dimerec_tf.one_writer import alone_in
from dimerec_tf.terminal import say
from dimerec_tf.whole_files import remove_unfinished, whole_directory

if TYPE_CHECKING:
    from dimerec_tf.data.vocabulary import Encoder
    from dimerec_tf.models.base import SequenceModel


def train(
    config: Annotated[Path | None, typer.Option(help="YAML configuration; `data.path` names your log.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration instead, on the public data set of its name.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="With --preset: the log, instead of fetching it.")] = None,
    output: Annotated[Path, typer.Option(help="Where the model and the training's state go.")] = Path("build/model"),
    logs: Annotated[Path | None, typer.Option(help="Where TensorBoard finds the training's curves.")] = None,
) -> None:
    """Trains on the training split and writes the model as a SavedModel, OUTPUT/exact, which can be served.

    Started again after a kill, it goes on after the last epoch that was kept; a training that is finished is not done
    again.

    Example: dimerec train --config my-shop.yaml --output build/model

    Example: dimerec train --preset ml-100k
    """
    settings = load_source(config, preset, log)
    _require_alone(settings)
    path = output / "exact"
    with alone_in(output), library_noise_in(output / "train.log"):
        from dimerec_tf.evaluation.bench_runs import KeptRuns

        runs = KeptRuns(output / "runs", preset or Path(config or "").stem, settings.data, say, logs)
        trained = runs.trained(settings.name, settings)
        _write(path, trained.model, runs.benchmark.encoder, settings)
    say(f"Trained in {trained.seconds:.1f} s: the model is {path}. Measure it: dimerec evaluate --model {path}")


def _require_alone(config: Config) -> None:
    """Raises `ConfigError` for what only a pipeline can do."""
    if config.warm_start:
        raise ConfigError("warm_start goes on from a pipeline's model: use `dimerec pipeline run`, or take it out.")
    if config.training.strategy in CLUSTERED:
        raise ConfigError(
            f"training.strategy {config.training.strategy} joins workers of a pipeline: use `dimerec pipeline run`, or "
            "take it out."
        )


def _write(path: Path, model: "SequenceModel", encoder: "Encoder", config: Config) -> None:
    from dimerec_tf.export.save import save_exact
    from dimerec_tf.retrieval.exact import ModelScorer

    remove_unfinished(path.parent)
    with TemporaryDirectory() as scratch, whole_directory(path) as export:
        vocabulary = Path(scratch) / "items.txt"
        encoder.save(vocabulary)
        save_exact(ModelScorer(model), vocabulary, config, export)

"""A model that `dimerec train` or a pipeline kept, with the log it was trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dimerec_tf.errors import DimeRecError

if TYPE_CHECKING:
    from dimerec_tf.config import Config
    from dimerec_tf.evaluation.benchmark import Benchmark
    from dimerec_tf.models.base import SequenceModel

Model = Annotated[
    Path, typer.Option(metavar="DIR", help="An export: what `dimerec train` wrote, or a version that was pushed.")
]
Log = Annotated[Path | None, typer.Option(help="The log it was trained on, if that lies elsewhere now.")]


class OtherLog(DimeRecError):
    """A log whose items are not those of the model."""


def load_kept(export: Path, log: Path | None) -> "tuple[SequenceModel, Config, Benchmark]":
    """Reads a model, its configuration, and its log, split and encoded.

    Raises:
        ExportUnusable: no model can be read from the directory.
        OtherLog: the log's catalogue is not the model's.
        LogError, ItemsError: as for `Benchmark`.
    """
    from dimerec_tf.evaluation.benchmark import Benchmark
    from dimerec_tf.export.load import load_model, read_record

    model, _, ids = load_model(export)
    config, facts = read_record(export)
    if log:
        config = config.model_copy(update={"data": config.data.model_copy(update={"path": str(log)})})
    benchmark = Benchmark(config.data)
    if benchmark.encoder.ids != ids[: len(ids) - facts.get("withdrawn_items", 0)]:
        raise OtherLog(
            f"The log {config.data.path} has another catalogue than {export}: name the log that the model was trained "
            "on with --log, or train on this one."
        )
    return model, config, benchmark

"""`dimerec pipeline`: the TFX pipeline from a log to a pushed model."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from dimerec_tf.cli.cluster import TargetName, compile_spec, require_local, submit
from dimerec_tf.cli.output import AsJson, library_noise_in, metric_table, say_moved, stdout_for_programs
from dimerec_tf.cli.refresh import refresh
from dimerec_tf.config import Config, ConfigError, load_config
from dimerec_tf.config_training import CLUSTERED
from dimerec_tf.data.items import read_categories
from dimerec_tf.data.log_files import list_log_files
from dimerec_tf.data.rejects import SUMMARY_FILE, Summary
from dimerec_tf.errors import VERDICT_IS_NO, DimeRecError
from dimerec_tf.one_writer import alone_in
from dimerec_tf.scann_library import require_scann
from dimerec_tf.terminal import console, print_json, say

if TYPE_CHECKING:
    from tfx_pipeline.outcome import Outcome

app = typer.Typer(help="Run the TFX pipeline, here or on a cluster.", no_args_is_help=True)
app.command("compile")(compile_spec)
app.command()(submit)
app.command()(refresh)


class NotBlessed(DimeRecError):
    """The Evaluator, or the step that served the model, refused it, and nothing was pushed."""

    exit_code = VERDICT_IS_NO


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="YAML configuration; `data.path` names your log.")],
    workdir: Annotated[Path, typer.Option(help="Where artifacts, metadata and pushed models go.")] = Path(
        "build/pipeline"
    ),
    target: Annotated[TargetName, typer.Option(help="local; for others see `pipeline submit`.")] = TargetName.local,
    as_json: AsJson = False,
) -> None:
    """Log -> sequences -> features -> trained model -> verdict -> pushed version.

    Steps whose inputs, settings and code did not change come from the cache. A model that the Evaluator or the
    serving check refuses is not pushed, and the command fails with the reason.

    Example: dimerec pipeline run --config my-shop.yaml --workdir build/my-shop
    """
    require_local(target)
    settings = load_config(config)
    with stdout_for_programs(as_json):
        outcome = run_pipeline(settings, workdir)
    if as_json:
        print_json({**asdict(outcome), "config_fingerprint": settings.fingerprint()})
    else:
        print_outcome(settings, outcome)
    require_blessing(outcome)


@app.command()
def worker(
    config: Annotated[Path, typer.Option(help="The configuration that `pipeline run` has on the chief's machine.")],
    workdir: Annotated[Path, typer.Option(help="Its workdir, on a file system that the machines share.")] = Path(
        "build/pipeline"
    ),
) -> None:
    """Takes part in the training of a pipeline that another machine runs, as the worker that TF_CONFIG says.

    Waits until the pipeline comes to its Trainer, and ends with the training.

    Example: dimerec pipeline worker --config my-shop.yaml --workdir /shared/my-shop
    """
    settings = load_config(config)
    strategy = settings.training.strategy
    if strategy not in CLUSTERED:
        raise ConfigError(f"training.strategy is {strategy}: workers take part in {' and '.join(CLUSTERED)} only.")
    from dimerec_tf.training.parameter_servers import serve
    from dimerec_tf.training.strategy import described_cluster, only_serves

    cluster = described_cluster(strategy)
    from tfx_pipeline.cluster_worker import take_part, task_file, wait_for, wait_while
    from tfx_pipeline.local_runner import checkpoint_dir
    from tfx_pipeline.workdir import Workdir

    task = task_file(checkpoint_dir(settings, Workdir(workdir.resolve())))
    say(f"Waiting for the pipeline's Trainer, which writes {task}.")
    if only_serves(strategy):
        server = serve(cluster)
        wait_for(task)
        wait_while(task)
        say(f"The training has ended, and so does {server.target}.")
    else:
        wait_for(task)
        take_part(task)


def run_pipeline(config: Config, workdir: Path) -> "Outcome":
    """Runs it on this machine with the libraries' logs in `<workdir>/pipeline.log`.

    Raises:
        LogError: there is no log, which is said before TFX is loaded, or it cannot be used.
        ItemsError: there is an item file that cannot be used; said then, too.
        ScannUnusable: an index needs ScaNN, which cannot be imported; said then, too.
        InUse: another process runs or refreshes in the workdir; said then, too.
        MetadataUnusable: the workdir's metadata is damaged, or its artifacts are elsewhere.
        StepFailed: the disk is full, or what an earlier step wrote is damaged.
        ConfigError: `training.strategy` needs TF_CONFIG, and that does not say that this is a task which runs a
            pipeline; also then.
    """
    if "://" not in config.data.path and not (config.data.window or config.data.query):
        list_log_files(config.data.path)
    if config.data.items_path:
        read_categories(config.data)
    require_scann(config.export.indexes)
    if config.training.strategy in CLUSTERED:
        from dimerec_tf.training.strategy import described_cluster, only_serves

        cluster = described_cluster(config.training.strategy)
        if only_serves(config.training.strategy):
            raise ConfigError(
                f"TF_CONFIG says that this is {cluster.task_type} {cluster.task_id}, and the chief runs the pipeline: "
                "start `dimerec pipeline worker` here."
            )
    from tfx_pipeline.workdir import Workdir

    paths = Workdir(workdir.resolve())
    with alone_in(paths.root), library_noise_in(paths.log):
        say(f"Loading TFX; its log goes to {paths.log}.")
        from tfx_pipeline.local_runner import run_local
        from tfx_pipeline.moved import settle
        from tfx_pipeline.outcome import read_outcome

        say_moved(settle(paths))
        with _printing_steps(), _explained(paths.artifacts):
            run_local(config, paths)
        summary = Summary.from_json((paths.rejected / SUMMARY_FILE).read_text(encoding="utf-8"))
        say(f"The log: {summary.sentence()}")
        return read_outcome(paths.metadata)


@contextmanager
def _explained(artifacts: Path) -> Iterator[None]:
    """Turns an error of a step into a sentence where there is something to do about it."""
    from tfx_pipeline.failures import explain

    try:
        yield
    except DimeRecError:
        raise
    except Exception as error:
        if sentence := explain(error, artifacts):
            raise sentence from error
        raise


@contextmanager
def _printing_steps() -> Iterator[None]:
    """Shows each component as TFX's runner logs that it starts."""
    printer = _StepPrinter()
    logging.getLogger("absl").addHandler(printer)
    try:
        yield
    finally:
        logging.getLogger("absl").removeHandler(printer)


class _StepPrinter(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        started = re.fullmatch(r"Component (\S+) is running\.", record.getMessage())
        if started:
            say(f"  {datetime.now():%H:%M:%S} {started[1]}")


def protocol_line(config: Config) -> str:
    """Names how the numbers were measured."""
    seen = "seen items filtered" if config.evaluation.filter_seen else "seen items kept"
    return f"{config.data.split.protocol}, test split, full catalogue, {seen}, in %"


def print_outcome(config: Config, outcome: "Outcome") -> None:
    for anomaly in outcome.anomalies:
        _warn(anomaly)
    console.print(metric_table(protocol_line(config), outcome.accuracy()))
    if config.warm_start and not config.warm_start.previous and outcome.gain is not None and outcome.gain <= 0:
        _warn(
            "The warm start is no better than the model it starts from: its NDCG@10 differs by "
            f"{100 * outcome.gain:+.2f} points. Try other `warm_start.epochs` and `warm_start.learning_rate`, or train "
            "from scratch."
        )
    if outcome.pushed_version is not None:
        say(f"Blessed and pushed as version {outcome.pushed_version} to {outcome.pushed_path}")


def _warn(sentence: str) -> None:
    say(Text.assemble(("warning:", "yellow"), " ", sentence))


def require_blessing(outcome: "Outcome") -> None:
    """Raises `NotBlessed`, with each reason, unless the model was blessed."""
    if not outcome.blessed:
        reasons = " ".join(outcome.refusals)
        raise NotBlessed(f"The model was refused, and nothing was pushed. {reasons}")

"""The `dimerec` command."""

import warnings

import typer

from dimerec_tf.cli import (
    bench,
    bench_incremental,
    dashboard,
    data,
    demo,
    doctor,
    evaluate,
    experiment,
    export,
    figures,
    lineage,
    loadtest,
    pipeline,
    recommend,
    rollout,
    serve,
    train,
    tune,
)
from dimerec_tf.cli.output import show_notices
from dimerec_tf.cli.tf_serving_form import TfServingForm
from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import reach_this_machine_directly, silence_native_logs

app = typer.Typer(
    name="dimerec",
    help="DimeRec for production: train, evaluate, push and serve a next-interest recommender.",
    epilog="Start with `dimerec demo`: MovieLens-100K from log to recommendations over gRPC in a few minutes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(experiment.app, name="experiment")
app.command()(demo.demo)
app.command()(dashboard.dashboard)
app.command()(doctor.doctor)
app.command(cls=TfServingForm)(serve.serve)
app.command()(recommend.recommend)
app.command()(loadtest.loadtest)
app.command()(rollout.rollout)
app.command()(bench.bench)
app.command()(bench_incremental.bench_incremental)
app.command()(figures.figures)
app.command()(tune.tune)
app.command()(lineage.lineage)


def run() -> None:
    """Runs the command line."""
    with catching_errors():
        silence_native_logs()
        reach_this_machine_directly()
        show_notices()
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        app()

"""`dimerec evaluate`: how good a kept model is, beside the floors."""

from dimerec_tf.cli import kept_model
from dimerec_tf.cli.output import AsJson, metric_table
from dimerec_tf.cli.pipeline import protocol_line
from dimerec_tf.terminal import console, print_json, working


def evaluate(
    model: kept_model.Model,
    log: kept_model.Log = None,
    as_json: AsJson = False,
) -> None:
    """Measures a model over the full catalogue, beside popularity and sequential rules, on its log's test split.

    Protocol and metrics are those of the configuration that it was trained with.

    Example: dimerec evaluate --model build/model/exact

    Example: dimerec evaluate --model build/demo/serving/dimerec/1 --json
    """
    with working("Reading model and log") as status:
        from dimerec_tf.evaluation.bench_runs import data_hash
        from dimerec_tf.evaluation.benchmark import FLOORS, Trained

        trained, config, benchmark = kept_model.load_kept(model, log)
        metrics = {}
        for floor in FLOORS:
            status.update(f"Measuring {floor}")
            metrics[floor] = benchmark.run_floor(floor, config.evaluation).metrics
        status.update(f"Measuring {config.name}")
        metrics[config.name] = benchmark.measure(Trained(trained, losses={}, seconds=0.0), config.evaluation).metrics
    protocol = protocol_line(config)
    if as_json:
        facts = {
            "model": str(model),
            "config_fingerprint": config.fingerprint(),
            "data_sha256": data_hash(config.data),
            "protocol": protocol.removesuffix(", in %"),
            "metrics": metrics,
        }
        print_json(facts)
    else:
        console.print(metric_table(protocol, metrics))

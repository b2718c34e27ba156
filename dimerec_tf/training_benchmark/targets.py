"""What training has to reach; absolute times depend on the machine."""

from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.targets import Target, only
from dimerec_tf.training_benchmark.catalogues import CATALOGUES

WAIT = "largest share of time in which a step waits for input"


def _catalogue(results: Rows, num_items: int) -> float:
    return only(results["catalogues"], "step_ms", catalogue=num_items, lazy_items=True)


def _faster_than_diffurec(results: Rows) -> float:
    rates = [
        only(results["systems"], "targets_per_second", system=system, events=51) for system in ("dimerec", "diffurec")
    ]
    return rates[0] / rates[1]


def _chance(results: Rows) -> float:
    """How easily chance makes a gain as large as the warm start's over its start; 1 if there is none."""
    row = results["incremental"][-1]
    return float(row["p_value"]) if row["ndcg_gain"] > 0 else 1.0


TARGETS = (
    Target(WAIT, 0.05, False, lambda results: max(row["input_wait_share"] for row in results["inputs"])),
    Target("targets/s of DimeRec / of DiffuRec, 51 events", 10.0, True, _faster_than_diffurec),
    Target(
        "step at 10 M items / at 10 k, lazy items",
        1.5,
        False,
        lambda results: _catalogue(results, CATALOGUES[-1]) / _catalogue(results, CATALOGUES[0]),
    ),
    Target("p-value of a warm start's gain over the model it starts from", 0.05, False, _chance),
    Target(
        "NDCG@10 of a warm start / of training from scratch",
        0.98,
        True,
        lambda results: results["incremental"][-1]["ndcg_ratio"],
    ),
    Target(
        "time of a warm start / of training from scratch",
        0.2,
        False,
        lambda results: results["incremental"][-1]["seconds_ratio"],
    ),
)

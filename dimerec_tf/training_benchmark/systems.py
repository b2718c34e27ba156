"""DimeRec beside the training loops of its peers: how many targets a second each learns from."""

from typing import Any

import tensorflow as tf

from dimerec_tf.baselines.diffurec import DiffuRec, DiffuRecConfig, split_at_random
from dimerec_tf.baselines.dreamrec import DreamRec, DreamRecConfig
from dimerec_tf.baselines.multi_interest import ComiRec, ComiRecConfig
from dimerec_tf.config_model import NegativesConfig
from dimerec_tf.layers.prefixes import whole_history
from dimerec_tf.measuring.timing import medians
from dimerec_tf.models.base import Losses, SequenceModel
from dimerec_tf.training_benchmark.steps import (
    DIM,
    HISTORY,
    ITEMS,
    NEGATIVES,
    SEED,
    Step,
    dimerec,
    training_step,
    uniform_counts,
)

PREFIX = 15  # of draw_seed: no loss uses it
WINDOWS = 128
EXAMPLES = 512
SIZES: dict[str, Any] = {"dim": DIM, "max_history": HISTORY}


class OnePrefixComiRec(ComiRec):
    """ComiRec-SA as its authors train it: a step takes one random prefix of each user."""

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """See `SequenceModel`."""
        rows, targets = split_at_random(windows, self.draw_seed(PREFIX))
        dropout_seed = self.draw_seed(0) if training else None
        vectors = self.vectors_of(rows, all_prefixes=False, dropout_seed=dropout_seed)
        return self.target_losses(tf.cast(vectors, tf.float32), targets)


class OnePrefixDreamRec(DreamRec):
    """DreamRec as its authors train it: an example is one prefix."""

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """See `SequenceModel`."""
        rows, targets = split_at_random(windows, self.draw_seed(PREFIX))
        states = self.states(rows, self.draw_seed(0) if training else None)
        return self.target_losses(whole_history(states, rows > 0), targets)


def system_rows(repeats: int) -> list[dict[str, Any]]:
    """Targets per second of each system on 10,000 items, for windows of 51 and of 11 events; steps take turns."""
    return [row for events in (HISTORY + 1, 11) for row in _rows(events, repeats)]


def _rows(events: int, repeats: int) -> list[dict[str, Any]]:
    steps: dict[str, Step] = {}
    facts: dict[str, dict[str, Any]] = {}
    for name, (model, num_windows, targets, loop) in _systems(events).items():
        steps[name] = training_step(model, num_windows, events)
        facts[name] = {
            "windows_per_step": num_windows,
            "targets_per_step": targets,
            "parameters_without_items": _parameters(model),
            "loop": loop,
        }
    rows = []
    for name, milliseconds in medians(steps, repeats).items():
        rate = round(1e3 * facts[name]["targets_per_step"] / milliseconds)
        row = {"system": name, "events": events, "targets_per_second": rate, "step_ms": milliseconds}
        rows.append({**row, **facts[name]})
    return rows


def _systems(events: int) -> dict[str, tuple[SequenceModel, int, int, str]]:
    """Each one's model, windows in a step, targets in a step and what a step reads."""
    counts = uniform_counts(ITEMS)
    negatives = NegativesConfig(kind="uniform", count=NEGATIVES)
    comirec = ComiRecConfig(kind="comirec", negatives=negatives, **SIZES)
    dreamrec = DreamRecConfig(kind="dreamrec", **SIZES)
    diffurec = DiffuRecConfig(kind="diffurec", **SIZES)
    every, one = "every prefix of each window", "one random prefix of each window"
    return {
        "dimerec": (dimerec(), WINDOWS, WINDOWS * (events - 1), every),
        "comirec_sa": (OnePrefixComiRec(comirec, counts, SEED), EXAMPLES, EXAMPLES, one),
        "dreamrec": (OnePrefixDreamRec(dreamrec, counts, SEED), EXAMPLES, EXAMPLES, one),
        "diffurec": (DiffuRec(diffurec, counts, SEED), EXAMPLES, EXAMPLES, f"{one}, softmax over the catalogue"),
    }


def _parameters(model: SequenceModel) -> int:
    weights = [weight for weight in model.trainable_variables if weight is not model.items.table]
    return sum(int(weight.shape.num_elements()) for weight in weights)

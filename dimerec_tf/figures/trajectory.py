"""Figure 5: accuracy of every intermediate vector along the reverse walk."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from dimerec_tf.evaluation.json_rows import Row, replace_rows
from dimerec_tf.figures.drawing import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, panels, plain_log_axis
from dimerec_tf.figures.study import FULL, Study, percent
from dimerec_tf.metrics.ranking import hit_rate, ndcg
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ExactRetriever, HistoryScorer

STEPS = (1, 2, 5, 10, 20)
STATES = 10  # of a longer walk, evenly spread: each is a search for every user
AT_THE_END = {"HR@10": ("o-", BLUE), "NDCG@10": ("s--", ORANGE)}
COLOURS = (BLACK, ORANGE, GREEN, PURPLE, SKY, BLUE)
MARKERS = "sD^vo."


class StatesOfWalk(tf.Module):
    """Searches with states of a reverse walk. See `Retriever`; what it returns is `[batch, states, k]`.

    Args:
        model: whose walk it is.
        steps: after how many steps, at least 1, the walk is asked.
    """

    def __init__(self, model: DimeRec, steps: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.places = [step - 1 for step in steps]
        self.item_vectors = tf.Variable(model.item_vectors(), trainable=False)

    def search(self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Retriever`."""
        items = tf.convert_to_tensor(self.item_vectors)
        scores, rows = tf.map_fn(
            lambda state: ExactRetriever(_State(state, items)).search(history, blocked, k),
            tf.gather(self.model.walk(self.model.interests(history)), self.places),
            fn_output_signature=(tf.float32, tf.int64),
        )
        return tf.transpose(scores, [1, 0, 2]), tf.transpose(rows, [1, 0, 2])


class _State(HistoryScorer):
    """One state as a scorer of its batch."""

    def __init__(self, state: tf.Tensor, items: tf.Tensor) -> None:
        super().__init__()
        self.state, self.items = state, items

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""
        return tf.matmul(self.state, self.items, transpose_b=True)


def data(study: Study) -> pd.DataFrame:
    """Accuracy on the test split along reverse walks of 1, 2, 5, 10, 20 and T steps (paper's Figure 5).

    It is one model, trained once; the walks are those of its first sample.

    Returns:
        Columns `num_steps` (of the walk), `share` (of them taken), `HR@50`, and at the end alone `HR@10` and `NDCG@10`;
        all but the first in percent.
    """
    trained = study.trained(FULL, {})
    last = study.model.diffusion.num_steps
    rows: list[dict[str, float]] = []
    for count in [*(steps for steps in STEPS if steps < last), last]:
        walk = study.model.diffusion.model_copy(update={"reverse_steps": count})
        model = DimeRec(
            study.model.model_copy(update={"diffusion": walk}), study.kept.benchmark.counts, study.config.seed
        )
        model.set_weights(trained.model.get_weights())
        taken = states_asked(count)
        found = study.search(StatesOfWalk(model, taken))
        ranks = [study.ranks(found[:, place]) for place in range(len(taken))]
        for step, of_step in zip(taken, ranks, strict=True):
            rows.append({"num_steps": count, "share": percent(step / count), "HR@50": percent(hit_rate(of_step, 50))})
        rows[-1] |= {"HR@10": percent(hit_rate(ranks[-1], 10)), "NDCG@10": percent(ndcg(ranks[-1], 10))}
    return pd.DataFrame(rows)


def states_asked(count: int) -> list[int]:
    """After how many steps a walk of `count` steps is measured: all of them, or `STATES` that end with the last."""
    backwards = np.linspace(count, 0, min(count, STATES), endpoint=False).round().astype(int)
    return [int(step) for step in backwards[::-1]]


def draw(table: pd.DataFrame) -> Figure:
    """HR@50 along each walk; below, what the last vectors reach by the number of steps."""
    figure, ((along,), (end,)) = panels(2, 1, height=4.0)
    for (count, walk), colour, marker in zip(table.groupby("num_steps"), COLOURS, MARKERS, strict=False):
        along.plot(walk["share"], walk["HR@50"], marker=marker, color=colour, label=str(count))
    along.set_xlabel("share of the reverse walk taken (%)")
    along.set_ylabel("HR@50 (%)")
    along.legend(title="steps", title_fontsize=7, ncols=2)
    last = table.dropna()
    for metric, (style, colour) in AT_THE_END.items():
        end.plot(last["num_steps"], last[metric], style, color=colour, label=metric)
    plain_log_axis(end, last["num_steps"].tolist())
    end.set_xlabel("steps of the reverse walk")
    end.set_ylabel("accuracy of the last vector (%)")
    end.set_ylim(bottom=0)
    end.legend()
    return figure


def write_reverse_steps(study: Study, table: pd.DataFrame, file: Path) -> None:
    """Puts accuracy by the number of steps into a JSON list, in place of this model's former rows on this data set.

    Rows hold `dataset`, `model`, `num_steps`, `HR@10` and `NDCG@10`, the last two in percent.
    """
    key = {"dataset": study.dataset, "model": study.name}
    last = table.dropna()[["num_steps", *AT_THE_END]].astype({"num_steps": int})
    replace_rows(file, cast(list[Row], last.assign(**key).to_dict("records")), list(key))

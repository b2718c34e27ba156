"""What a search found: its trials as a table, and the best as a configuration."""

from typing import Any

import pandas as pd

from dimerec_tf.config import Config, with_values
from dimerec_tf.config_tuning import OBJECTIVE
from dimerec_tf.tuning.search import Search


def trial_table(search: Search) -> pd.DataFrame:
    """A row for each trial, in their order.

    Returns:
        Columns `trial` (from 1), a column for each key of the space, `NDCG@10` in percent, NaN for a failed trial.
    """
    rows: list[dict[str, Any]] = []
    for name in search.oracle.start_order:
        trial = search.oracle.trials[name]
        score = None if trial.score is None else round(100 * trial.score, 3)
        rows.append({"trial": len(rows) + 1, **trial.hyperparameters.values, OBJECTIVE: score})
    return pd.DataFrame(rows).astype({OBJECTIVE: float})


def best_config(search: Search) -> Config:
    """The configuration with the values of the best trial, and without the tuning that found them."""
    return with_values(search.config, search.get_best_hyperparameters()[0].values)

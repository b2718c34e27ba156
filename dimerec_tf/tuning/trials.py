"""What a search found: its trials as a table."""

from typing import Any

import pandas as pd

from dimerec_tf.config import Config, with_values
from dimerec_tf.tuning.search import OBJECTIVE, Search


def trial_table(search: Search) -> pd.DataFrame:
    """A row for each finished or failed trial, in the order in which they began.

    Returns:
        Columns `trial` (from 1), a column for each key of the space, `NDCG@10` in percent, NaN for a failed trial.
    """
    oracle = search.oracle
    rows: list[dict[str, Any]] = []
    for name in oracle.start_order:
        trial = oracle.trials[name]
        score = None if trial.score is None else round(100 * trial.score, 3)
        rows.append({"trial": len(rows) + 1, **trial.hyperparameters.values, OBJECTIVE: score})
    return pd.DataFrame(rows).astype({OBJECTIVE: float})


def best_config(search: Search) -> Config:
    """The configuration with the values of the best trial."""
    return with_values(search.config, search.get_best_hyperparameters()[0].values)

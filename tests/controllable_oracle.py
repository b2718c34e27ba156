"""Controllable aggregation of one list in plain numpy."""

import numpy as np


def aggregate_list(scores: np.ndarray, categories: np.ndarray, weight: float, k: int) -> list[int]:
    """Positions of the chosen among candidates with `scores` `[n]`, best first, and `categories` bool `[n, any]`."""
    members = categories.astype(int)
    differs = members @ members.T == 0
    gains = scores.astype(np.float64)
    chosen = []
    for _ in range(min(k, len(scores))):
        chosen.append(int(np.argmax(gains)))
        gains += weight * differs[chosen[-1]]
        gains[chosen[-1]] = -np.inf
    return chosen

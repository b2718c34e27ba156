"""A user's events put in order: the latest of too many, by time, with or without those that repeat another."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.protocols import UserEvents
from dimerec_tf.data.rejects import DUPLICATE, RejectedRow
from dimerec_tf.data.time_units import exact_text
from dimerec_tf.data.times import Times


def latest(times: Times, limit: int) -> NDArray[np.bool_]:
    """Which of a user's events, `[n]` in file order, are the latest `limit`; of equal times those later in the file."""
    kept = np.zeros(len(times), bool)
    kept[np.argsort(times, kind="stable")[-limit:]] = True
    return kept


def order_events(
    user_id: str, items: NDArray[np.object_], times: Times, keep_repeats: bool = False
) -> tuple[UserEvents, NDArray[np.int64]]:
    """Puts a user's events in time order and finds those that repeat an item at the same time.

    Args:
        user_id: whose events they are.
        items: item ids `[n]` in file order.
        times: their times `[n]`.
        keep_repeats: whether these are left in.

    Returns:
        The events kept, and the positions in `items` of those that repeat an earlier one.
    """
    order = np.argsort(times, kind="stable")
    times = times[order]
    repeats = order[:0]
    if (times[1:] == times[:-1]).any():
        repeated = pd.Series(list(zip(items[order], times.tolist(), strict=True))).duplicated().to_numpy()
        repeats = order[repeated]
        if not keep_repeats:
            order, times = order[~repeated], times[~repeated]
    return UserEvents(user_id, items[order].tolist(), times), repeats


def settle_user(
    user_id: str,
    items: NDArray[np.object_],
    times: Times,
    place_of: Callable[[int], tuple[str, int]],
    data: DataConfig,
) -> tuple[UserEvents, list[RejectedRow], int]:
    """Orders a user's events and does with repeats what `data.repeats` says.

    Args:
        user_id: whose events they are.
        items: item ids `[n]` in file order.
        times: their times `[n]`.
        place_of: gives the file and row of the event at a position.
        data: whether repeats are kept, and the columns' names.

    Returns:
        The events kept, the rows set aside, and how many repeats were kept.
    """
    keep = data.repeats == "keep"
    user, repeats = order_events(user_id, items, times, keep)
    if keep:
        return user, [], len(repeats)
    rejected = []
    for i in repeats.tolist():
        values = {data.user_column: user_id, data.item_column: items[i], data.time_column: exact_text(times[i])}
        rejected.append(RejectedRow(*place_of(i), DUPLICATE, values))
    return user, rejected, 0

"""Users' events on their way through Beam: whoever has too many keeps the latest, however the log is cut up."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.data.log_reader import EventBatch
from tfx_pipeline.components.sequence_example_gen.packs import LatestEvents, UserPacks, pack, rows_of, times_of

TIMES = st.lists(st.integers(0, 9), min_size=1, max_size=40)


def packs_of(times: list[int], cuts: set[int]) -> list:
    """Packs of one user, cut at some of the events into two files and batches within them."""
    bounds = [0, *sorted(cut for cut in cuts if cut < len(times)), len(times)]
    packs = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        rows = np.arange(start, end)
        batch = EventBatch(
            "ab"[number * 2 // len(bounds)],
            rows,
            np.full(len(rows), "u", dtype=object),
            np.array([f"i{row}" for row in rows], dtype=object),
            np.array(times[start:end]),
            [],
        )
        packs += [own for _, own in pack(batch)]
    return packs


def combined(packs: list, limit: int, workers: int) -> UserPacks:
    """As Beam does it: each worker adds up its packs, and what they come to is merged."""
    combiner = LatestEvents(limit)
    parts = []
    for worker in range(workers):
        part = combiner.create_accumulator()
        for own in packs[worker::workers]:
            part = combiner.add_input(part, own)
            assert part.size <= 2 * limit, "no worker holds more"
        parts.append(combiner.compact(part))
    return combiner.extract_output(combiner.merge_accumulators(parts))


@given(TIMES, st.sets(st.integers(1, 39), max_size=8), st.integers(1, 12), st.integers(1, 3), st.randoms())
def test_the_latest_events_stay_in_file_order_however_they_are_cut_up(times, cuts, limit, workers, chance):
    packs = packs_of(times, cuts)
    chance.shuffle(packs)
    latest = combined(packs, limit, workers)
    kept = sorted(sorted(range(len(times)), key=lambda row: (times[row], row))[-limit:])
    assert np.concatenate([rows_of(part) for part in latest.packs]).tolist() == kept
    assert times_of(latest.packs).tolist() == [times[row] for row in kept]
    assert [item for part in latest.packs for item in part.items] == [f"i{row}" for row in kept]
    assert latest.cut == max(len(times) - limit, 0)


@pytest.mark.parametrize("events", [3, 4])
def test_a_user_within_the_limit_loses_nothing(events):
    latest = combined(packs_of(list(range(events)), {2}), limit=4, workers=2)
    assert (latest.size, latest.cut) == (events, 0)

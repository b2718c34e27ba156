"""The exact export behind the server: joined answers are those of requests that run alone, and threads do no harm."""

import subprocess
import sys
from concurrent import futures
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from serving.client.client import Recommendation, RecommendClient
from serving.server.batching_options import BatchingOptions
from serving.server.options import ServerOptions
from serving.server.signature import Signature
from tests.serving.exported import NUM_ITEMS
from tests.serving.running import serving
from tests.serving.toy import NAME

RNG = np.random.default_rng(3)


def ask(
    client: RecommendClient,
    history: list[str],
    allow: list[str] | None,
    categories: list[str] | None,
    weight: float | None,
    k: int,
    seed: int,
) -> Recommendation:
    asked = {"allow": allow, "allow_categories": categories, "diversity_weight": weight, "seed": seed}
    return client.recommend([history], k=k, filter_seen=True, **asked)[0]


@pytest.mark.parametrize("allowed_batch_sizes", [(), (8, 32)])
def test_joined_answers_are_those_alone(
    export_base: Path, monkeypatch: pytest.MonkeyPatch, allowed_batch_sizes: tuple[int, ...]
) -> None:
    lengths = RNG.integers(0, 9, 60)
    histories = [[f"item-{row}" for row in RNG.integers(1, NUM_ITEMS + 20, length)] for length in lengths]
    allowed = [None if number % 3 else [f"item-{row}" for row in range(1, number + 2)] for number in range(60)]
    categories = [None if number % 4 else ["A", "who?", "C"][: number // 20 + 1] for number in range(60)]
    weights = [None if number % 5 else 0.5 for number in range(60)]
    ks, seeds = [20 - number % 7 for number in range(60)], [number % 2 for number in range(60)]
    options = BatchingOptions(32, 5000, 10, 2, allowed_batch_sizes, pad_variable_length_inputs=True)
    compute, rows = Signature.compute, []

    def counted(
        self: Signature, arrays: dict[str, np.ndarray], aliases: list[str], *rest: float | None
    ) -> dict[str, np.ndarray]:
        rows.append(len(arrays["history_item_ids"]))
        return compute(self, arrays, aliases, *rest)

    with serving(export_base) as stubs, RecommendClient(stubs.address, NAME) as client:
        alone = [ask(client, *asked) for asked in zip(histories, allowed, categories, weights, ks, seeds, strict=True)]
    monkeypatch.setattr(Signature, "compute", counted)
    with (
        serving(export_base, ServerOptions(batching=options)) as stubs,
        RecommendClient(stubs.address, NAME, timeout_seconds=60) as client,
        futures.ThreadPoolExecutor(20) as pool,
    ):
        joined = list(pool.map(partial(ask, client), histories, allowed, categories, weights, ks, seeds))
    assert max(rows) > 1, "nothing was joined"
    for one, other in zip(joined, alone, strict=True):
        assert (one.item_ids, one.cold_start) == (other.item_ids, other.cold_start)
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5, atol=1e-6)


CONCURRENT_RUNS = """
import sys
from concurrent import futures
from pathlib import Path

import numpy as np

from serving.server.loader import load_version

signature = load_version(Path(sys.argv[1])).signature("serving_default")


def run(rows):
    arrays = {
        **signature.defaults,
        "history_item_ids": np.full([rows, 5], b"item-3", object),
        "k": np.full(rows, 5, np.int32),
        "exclude_item_ids": np.full([rows, 1], b"", object),
        "filter_seen": np.full(rows, False),
    }
    return len(signature.compute(arrays, ["item_ids"])["item_ids"])


sizes = np.random.default_rng(0).integers(1, 64, 400).tolist()
with futures.ThreadPoolExecutor(4) as pool:
    assert list(pool.map(run, sizes)) == sizes
"""


def test_batches_of_different_sizes_run_at_the_same_time_in_a_server_process(export_base: Path) -> None:
    """In a process of its own, since what would go wrong kills it; see `dimerec_tf/layers/layer_norm.py`."""
    command = [sys.executable, "-c", CONCURRENT_RUNS, str(export_base / "1")]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert outcome.returncode == 0, outcome.stderr

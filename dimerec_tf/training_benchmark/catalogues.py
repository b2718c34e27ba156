"""What a step costs by the size of the catalogue, and by targets and negatives."""

import resource
from typing import Any

import numpy as np

from dimerec_tf.measuring.timing import medians
from dimerec_tf.training_benchmark.steps import DIM, HISTORY, ITEMS, dimerec, training_step

CATALOGUES = (10_000, 100_000, 1_000_000, 10_000_000)
DENSE_UP_TO = 1_000_000  # gradients as large as the table come on top
WINDOWS = 64
TABLES = 3  # item vectors and Adam's two moments
MB = 1e6


def catalogue_rows(num_items: int, lazy: bool, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of a step and the process's peak of memory, of which three tables of item vectors are a part."""
    model = dimerec(num_items=num_items)
    model.items.sparse_gradients = lazy
    step = training_step(model, WINDOWS, HISTORY + 1)
    return [
        {
            "catalogue": num_items,
            "lazy_items": lazy,
            "step_ms": medians({"step": step}, repeats)["step"],
            "peak_mb": _peak_mb(),
            "tables_mb": round(TABLES * (num_items + 1) * DIM * np.dtype(np.float32).itemsize / MB),
        }
    ]


def softmax_rows(num_windows: int, num_negatives: int, repeats: int) -> list[dict[str, Any]]:
    """The peak of memory by targets and negatives; `logits_mb` is one float32 matrix `[targets, negatives]`."""
    model = dimerec(num_negatives=num_negatives)
    targets = num_windows * HISTORY
    step = training_step(model, num_windows, HISTORY + 1)
    return [
        {
            "targets": targets,
            "negatives": num_negatives,
            "step_ms": medians({"step": step}, repeats)["step"],
            "peak_mb": _peak_mb(),
            "logits_mb": round(targets * num_negatives * np.dtype(np.float32).itemsize / MB),
            "full_softmax_logits_mb": round(targets * ITEMS * np.dtype(np.float32).itemsize / MB),
        }
    ]


def _peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB)

"""Measurements in processes of their own, each kept as soon as it is done."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from dimerec_tf.whole_files import write_text

Rows = dict[str, list[dict[str, Any]]]


def measured_alone(file: Path, measure: Callable[..., Rows], *inputs: Any) -> Rows:
    """The rows in `file`, or, where it is missing, those that `measure` gives in a process of its own.

    TensorFlow's threads are set once, what it allocated is not given back, and the peak of memory is a process's.
    """
    if not file.exists():
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            rows = alone.submit(measure, *inputs).result()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(rows))
    kept: Rows = json.loads(file.read_text())
    return kept

"""Asks a run's exports: sample users' recommendations, and how long one answer takes."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dimerec_tf.data.protocols import UserExample
from dimerec_tf.export.push import index_folder
from dimerec_tf.export.save import RECORD
from dimerec_tf.scann_library import scann_module
from tfx_pipeline.components.sequence_example_gen.events import to_tf_example
from tfx_pipeline.dashboard.runs import PipelineRun
from tfx_pipeline.examples import read_split
from tfx_pipeline.pipeline import MODEL

USERS = 8
SHOWN = 10
TIMED_REQUESTS = 100

Evaluate = Callable[[Sequence[UserExample]], list[list[str]]]


class SampleUser(NamedTuple):
    """A test user with each model's recommendations, best first, as the Evaluator counted them."""

    example: UserExample
    recommended: dict[str, list[str]]


class IndexFacts(NamedTuple):
    """An export: what it found of the exact search's items when it was built, and its answers' milliseconds now."""

    name: str
    record: dict[str, Any]
    p50: float
    p99: float


def sample_users(run: PipelineRun) -> list[SampleUser]:
    """Users taken evenly from the test split."""
    examples = _sample(run)
    answers = {model: load_evaluate(path)(examples) for model, path in run.models.items()}
    return [
        SampleUser(example, {model: lists[place] for model, lists in answers.items()})
        for place, example in enumerate(examples)
    ]


def index_facts(run: PipelineRun) -> list[IndexFacts]:
    """Every export of the model. Latency is that of one user after the other, within this process."""
    exact = run.models[MODEL]
    record = read_record(exact)
    paths = [exact]
    if run.indexed:
        paths += [index_folder(run.indexed, index) for index in record["config"]["export"]["indexes"]]
    examples = _sample(run)
    return [IndexFacts(read_record(path)["index"], read_record(path), *_latency(path, examples)) for path in paths]


def read_record(export: Path) -> dict[str, Any]:
    """What an export says of itself."""
    return json.loads((export / RECORD).read_text(encoding="utf-8"))


def load_evaluate(export: Path) -> Evaluate:
    """An export's `evaluate` signature, from users to the ids of its best items.

    Raises:
        ScannUnusable: it has a ScaNN index, and ScaNN cannot be imported.
    """
    if read_record(export)["index"] == "scann":
        scann_module("scann")  # brings its ops
    model = tf.saved_model.load(str(export))

    def evaluate(examples: Sequence[UserExample]) -> list[list[str]]:
        serialised = tf.constant([to_tf_example(example).SerializeToString() for example in examples])
        lists = model.signatures["evaluate"](serialised)["topk_item_id"].numpy().tolist()
        return [[item.decode() for item in items if item][:SHOWN] for items in lists]

    return evaluate


def _sample(run: PipelineRun) -> list[UserExample]:
    rows = list(read_split(str(run.examples), "test"))
    places = np.unique(np.linspace(0, len(rows) - 1, min(USERS, len(rows))).astype(int))
    return [UserExample(user, history, [target]) for user, history, target in (rows[place] for place in places)]


def _latency(export: Path, examples: list[UserExample]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, after one answer that does not count."""
    evaluate = load_evaluate(export)
    evaluate(examples[:1])
    milliseconds = []
    for number in range(TIMED_REQUESTS):
        before = time.perf_counter()
        evaluate([examples[number % len(examples)]])
        milliseconds.append(1000 * (time.perf_counter() - before))
    return float(np.median(milliseconds)), float(np.percentile(milliseconds, 99))

"""The versions that are pushed and deleted, and requests whose answers are known."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from dimerec_tf.config import Config
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.export.save import save_exact
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from serving.oracle import Oracle

NAME = "dimerec"
NUM_ITEMS = 10_000
QUESTIONS = 50
SEEDS = (1, 2)


@dataclass(frozen=True)
class Question:
    """A request for one history, and the right outputs of each export."""

    history: list[str]
    k: int
    request: predict_pb2.PredictRequest
    answers: tuple[dict[str, np.ndarray], ...]


class Exports:
    """Two exports of untrained models that answer differently; versions are copies of them.

    Args:
        folder: takes the exports and, in `versions`, what is served.

    Attributes:
        base: the directory of versions.
        current: the version that should answer.
        max_k: the most items of an answer.
    """

    def __init__(self, folder: Path) -> None:
        self.base = folder / "versions"
        self.base.mkdir()
        self.max_k = Config().export.max_k
        self._folders = [_export(folder, seed) for seed in SEEDS]
        self._oracles = [Oracle(path) for path in self._folders]
        self._number = 0
        self._exports: dict[int, int] = {}
        self.current = self.push()

    def push(self) -> int:
        """Adds a version that answers unlike the one before it, the way a pusher does; returns its number."""
        last = max(self._exports, default=0)
        export = (self._exports.get(last, -1) + 1) % len(SEEDS)
        version = self.push_files(self.copy(export))
        self._exports[version] = export
        return version

    def copy(self, export: int = 0) -> Path:
        """The files of an export, where they are not served."""
        return Path(shutil.copytree(self._folders[export], self.base / ".unfinished"))

    def push_files(self, files: Path) -> int:
        """Makes files, whatever they are, the newest version; returns its number."""
        self._number += 1
        files.rename(self.base / str(self._number))
        return self._number

    def delete(self, version: int) -> None:
        """Removes a version."""
        shutil.rmtree(self.base / str(version))

    def export_of(self, version: int) -> int | None:
        """Which export a version is a copy of; None for one that should not answer."""
        return self._exports.get(version)

    def agrees(self, request: predict_pb2.PredictRequest, response: predict_pb2.PredictResponse) -> bool:
        """Whether a response is right for the version that it names."""
        export = self.export_of(response.model_spec.version.value)
        return export is not None and self._oracles[export].agrees(request, response)

    def questions(self) -> list[Question]:
        """Requests with all inputs, and what each export says to them."""
        rng = np.random.default_rng(0)
        questions = []
        for _ in range(QUESTIONS):
            history = [f"item-{row}" for row in rng.integers(1, NUM_ITEMS + 1, rng.integers(1, 20))]
            k = int(rng.integers(1, 21))
            request = predict_request([history], [k], [[history[0]]], [True])
            questions.append(Question(history, k, request, tuple(oracle.answer(request) for oracle in self._oracles)))
        return questions


def predict_request(
    histories: list[list[str]], k: list[int], exclude: list[list[str]], filter_seen: list[bool]
) -> predict_pb2.PredictRequest:
    """A Predict request; rows must be of one length."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = NAME
    values = {"history_item_ids": histories, "k": k, "exclude_item_ids": exclude, "filter_seen": filter_seen}
    for name, value in values.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def _export(folder: Path, seed: int) -> Path:
    vocabulary = folder / "items.txt"
    vocabulary.write_text("".join(f"item-{row}\n" for row in range(1, NUM_ITEMS + 1)))
    model = DimeRecConfig()
    path = folder / f"export-{seed}"
    save_exact(
        ModelScorer(DimeRec(model, np.ones(NUM_ITEMS + 1, np.int64), seed)), vocabulary, Config(model=model), path
    )
    return path

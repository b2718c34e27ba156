"""A full disk and a damaged file: a sentence that says what to do, and nothing half written or lost."""

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import tensorflow as tf

from dimerec_tf.cli.pipeline import run_pipeline
from dimerec_tf.config import parse_config
from dimerec_tf.config_data import DataConfig
from tests.tfx_pipeline.test_sequence_example_gen import HEADER, run
from tfx_pipeline.examples import read_split
from tfx_pipeline.failures import StepFailed, explain

EVENTS = 8000


@pytest.fixture
def log(tmp_path) -> DataConfig:
    """Ids that do not compress."""
    rows = [f"u{event % 20},{secrets.token_hex(16)},{event}" for event in range(EVENTS)]
    (tmp_path / "log.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return DataConfig(path=str(tmp_path / "log.csv"))


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The system then refuses a write as a full disk does: in the middle of a file."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_full_disk_leaves_nothing_half_written_and_the_next_run_everything(log, tmp_path):
    with pytest.raises(Exception) as failure, no_file_longer_than(64 * 1024):
        run(log, tmp_path)
    sentence = explain(failure.value, tmp_path / "examples")
    assert str(sentence).startswith(
        f"A step could not write below {tmp_path} (File too large): make room and run again."
    )
    assert not list((tmp_path / "examples").rglob("data_tfrecord*.gz"))
    (test,) = {len(example.history) for example in run(log, tmp_path / "again").split("test")}
    assert test == EVENTS // 20 - 1


def test_a_damaged_file_is_named_with_what_to_do(log, tmp_path):
    run(log, tmp_path)
    (file,) = (tmp_path / "examples" / "Split-train").glob("*.gz")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(tf.errors.OpError) as failure:
        list(read_split(str(tmp_path / "examples"), "train"))
    sentence = explain(failure.value, tmp_path / "examples")
    assert str(sentence).startswith(
        f"What an earlier step wrote is damaged: remove {tmp_path / 'examples'} and run again"
    )


def test_any_other_error_stays_what_it_is(tmp_path):
    assert explain(ValueError("something else"), tmp_path) is None


def test_the_command_says_what_to_do(log, tmp_path, monkeypatch):
    def fail(config: object, workdir: object) -> None:
        raise RuntimeError("write failed") from OSError(28, "No space left on device")

    monkeypatch.setattr("tfx_pipeline.local_runner.run_local", fail)
    with pytest.raises(StepFailed, match=r"\(No space left on device\): make room and run again"):
        run_pipeline(parse_config({"data": log.model_dump()}), tmp_path / "work")

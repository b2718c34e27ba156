"""ExampleGen that turns an event log into one sequence per user and split."""

import glob
from pathlib import Path

from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.data_types import RuntimeParameter

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import PLACEHOLDERS, DataConfig
from dimerec_tf.data.log_files import is_log_name, list_log_files
from tfx_pipeline.components.sequence_example_gen.driver import Driver
from tfx_pipeline.components.sequence_example_gen.executor import ALL_FILES, Executor
from tfx_pipeline.components.sequence_example_gen.settings import Settings, output_splits, require_pipeline_split
from tfx_pipeline.components.sequence_example_gen.spans import find_spans


class SequenceExampleGen(FileBasedExampleGen):
    """Reads, checks, orders and splits a log; see `Executor` for the examples it writes.

    TFX runs it again when a file of the log, or of the window of its spans, changes in size or time of modification.
    """

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self, data: DataConfig, rejected_dir: str, code_version: str, location: RuntimeParameter | None = None
    ) -> None:
        """Constructs the component.

        Args:
            data: where the log is, how to read and how to split it.
            rejected_dir: where rows set aside and their summary are written; the same for every run.
            code_version: part of the cache key, so that an edit of the code is not masked by an older result.
            location: the directory of the log, where that is said when the pipeline is started.

        Raises:
            ConfigError: the split gives users several examples or targets.
            LogError: there is no log at `data.path`, or its spans cannot be told.
        """
        require_pipeline_split(data)
        base, pattern = span_place(data.path) if data.window else input_place(data.path)
        if data.window and "://" not in data.path:
            find_spans(base, pattern, window=1)  # so that nothing runs where there is none
        super().__init__(
            input_base=location or base,
            input_config=utils.make_default_input_config(pattern),
            output_config=output_splits(),
            custom_config=Settings(data, pattern, rejected_dir).pack(code_version),
        )


def input_place(path: str) -> tuple[str, str]:
    """The directory and the file pattern that TFX wants, with what a pattern would read as more than itself escaped.

    A path that is not on this machine (`gs://...`) is a file if it ends like one; a slash at its end says directory.

    Raises:
        LogError: the path is on this machine and there is no log.
    """
    if "://" not in path:
        list_log_files(path)
    is_file = Path(path).is_file() or (is_log_name(path) and not Path(path).is_dir())
    if not is_file:
        return _escaped(path.rstrip("/") or "/"), ALL_FILES
    directory, _, name = path.rpartition("/")
    return _escaped(directory or ("/" if path.startswith("/") else ".")), glob.escape(name)


def span_place(path: str) -> tuple[str, str]:
    """The same for a path with placeholders, in which `*` and `?` are TFX's; a span may have a directory of its own.

    Raises:
        ConfigError: the path has a bracket, which TFX cannot read.
    """
    if "[" in path:
        raise ConfigError(
            f"data.path {path} has a bracket, which cannot be in the path of a log with spans: rename it."
        )
    whole = path if is_log_name(path) else f"{path.rstrip('/')}/{ALL_FILES}"
    first = PLACEHOLDERS.search(whole)
    assert first, "data.window is set for paths with placeholders only"
    directory, _, _ = whole[: first.start()].rpartition("/")
    pattern = whole[len(directory) :].lstrip("/")
    return directory or ("/" if path.startswith("/") else "."), pattern


def _escaped(directory: str) -> str:
    """As a pattern. Beam finds nothing by one that begins in the first part of a relative path: it gets a `./`."""
    escaped = glob.escape(directory)
    plain = escaped == directory or "://" in directory or directory.startswith(("/", "./"))
    return escaped if plain else f"./{escaped}"

"""ExampleGen that turns an event log into one sequence per user and split."""

import glob
from pathlib import Path

from google.protobuf.struct_pb2 import Struct
from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import example_gen_pb2

from dimerec_tf.config import ConfigError, DataConfig
from dimerec_tf.data.log_reader import LOG_SUFFIXES, list_log_files
from dimerec_tf.data.protocols import SPLIT_NAMES
from tfx_pipeline.components.sequence_example_gen.executor import ALL_FILES, Executor

PIPELINE_SPLITS = ("leave_one_out", "global_time")


class SequenceExampleGen(FileBasedExampleGen):
    """Reads, checks, orders and splits a log; see `Executor` for the examples it writes.

    TFX runs it again when a file of the log changes in size or time of modification.
    """

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

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
            LogError: there is no log at `data.path`.
        """
        if data.split.kind not in PIPELINE_SPLITS:
            raise ConfigError(
                f"A pipeline splits by {' or '.join(PIPELINE_SPLITS)}: data.split.kind {data.split.kind} is for "
                "`dimerec bench` only."
            )
        base, pattern = input_place(data.path)
        settings = Struct()
        settings.update({"data": data.model_dump_json(), "rejected_dir": rejected_dir, "code_version": code_version})
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(settings)
        # TFX wants a number of hash buckets for each split; the executor splits by time instead.
        splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in SPLIT_NAMES]
        super().__init__(
            input_base=location or base,
            input_config=utils.make_default_input_config(pattern),
            output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
            custom_config=custom_config,
        )


def input_place(path: str) -> tuple[str, str]:
    """The directory and the file pattern that TFX wants, with what a pattern would read as more than itself escaped.

    A path that is not on this machine (`gs://...`) is a file if it ends like one; a slash at its end says directory.

    Raises:
        LogError: the path is on this machine and there is no log.
    """
    if "://" not in path:
        list_log_files(path)
    is_file = Path(path).is_file() or (path.endswith(LOG_SUFFIXES) and not Path(path).is_dir())
    if not is_file:
        return glob.escape(path.rstrip("/") or "/"), ALL_FILES
    directory, _, name = path.rpartition("/")
    return glob.escape(directory or ("/" if path.startswith("/") else ".")), glob.escape(name)

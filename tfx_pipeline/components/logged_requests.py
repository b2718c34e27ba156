"""The histories that a server was asked about, as statistics that training data is compared with."""

import glob

from tfx import components
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import example_gen_pb2

from dimerec_tf.config import ConfigError
from tfx_pipeline.components.data_watch import SERVED
from tfx_pipeline.components.sequence_example_gen.events import find_files

FILES = "requests-*.tfrecord.gz"  # a server gives a file its name when it is complete


def logged_requests(directory: str) -> tuple[BaseComponent, BaseComponent]:
    """Two steps: the examples in a request log, and their statistics.

    Raises:
        ConfigError: the directory has no complete file.
    """
    if not find_files(glob.escape(directory), FILES):
        raise ConfigError(
            f"watching.request_log {directory} has no {FILES}: name the --request-log-dir of a server that has logged "
            "something, or take watching.request_log out."
        )
    examples = components.ImportExampleGen(
        input_base=directory,
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name=SERVED, pattern=FILES)]),
        output_config=example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=SERVED, hash_buckets=1)]
            )
        ),
    ).with_id("LoggedRequests")
    statistics = components.StatisticsGen(examples=examples.outputs["examples"]).with_id("RequestStatistics")
    return examples, statistics

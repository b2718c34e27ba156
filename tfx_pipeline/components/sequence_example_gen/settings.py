"""What the component tells its driver and executor, in TFX's `custom_config`."""

import os
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from tfx.components.example_gen.utils import SPAN_PROPERTY_NAME
from tfx.proto import example_gen_pb2
from tfx.types.standard_component_specs import CUSTOM_CONFIG_KEY, INPUT_BASE_KEY
from tfx.utils import proto_utils

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.protocols import SPLIT_NAMES
from tfx_pipeline.components.sequence_example_gen.spans import Span, find_spans

PIPELINE_SPLITS = ("leave_one_out", "global_time")


def require_pipeline_split(data: DataConfig) -> None:
    """Refuses a split that gives users several examples or targets.

    Raises:
        ConfigError: it is such a split.
    """
    if data.split.kind not in PIPELINE_SPLITS:
        raise ConfigError(
            f"A pipeline splits by {' or '.join(PIPELINE_SPLITS)}: data.split.kind {data.split.kind} is for "
            "`dimerec bench` only."
        )


def output_splits() -> example_gen_pb2.Output:
    """Names the splits. TFX wants a number of hash buckets for each; the executor splits by time instead."""
    splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in SPLIT_NAMES]
    return example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits))


@dataclass(frozen=True)
class Settings:
    """`pattern` is that of the log's files, below TFX's `input_base`, before the driver puts a span in."""

    data: DataConfig
    pattern: str
    rejected_dir: str

    def pack(self, code_version: str) -> example_gen_pb2.CustomConfig:
        values = Struct()
        values.update(
            {
                "data": self.data.model_dump_json(),
                "pattern": self.pattern,
                "rejected_dir": self.rejected_dir,
                "code_version": code_version,
            }
        )
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(values)
        return custom_config

    @classmethod
    def unpack(cls, exec_properties: dict[str, Any]) -> "Settings":
        custom_config, packed = example_gen_pb2.CustomConfig(), Struct()
        proto_utils.json_to_proto(exec_properties[CUSTOM_CONFIG_KEY], custom_config)
        custom_config.custom_config.Unpack(packed)
        values = MessageToDict(packed)
        return cls(DataConfig.model_validate_json(values["data"]), values["pattern"], values["rejected_dir"])

    def file(self, name: str) -> str:
        """A file in the directory for rows set aside."""
        return os.path.join(self.rejected_dir, name)  # noqa: PTH118 - may be a gs:// address

    def spans(self, exec_properties: dict[str, Any]) -> list[Span]:
        """The spans to read, up to the one that the driver found; a log without spans is one, number 0.

        Raises:
            LogError: there is none.
        """
        if not self.data.window:
            return [Span(0, None, self.pattern, "")]
        newest = exec_properties.get(SPAN_PROPERTY_NAME)
        base = exec_properties[INPUT_BASE_KEY]
        return find_spans(base, self.pattern, self.data.window, None if newest is None else int(newest))

"""What every step of a compiled pipeline runs in its container: TFX's entry point.

Kubeflow passes input artifacts without their types, which TFX needs and the step's own arguments have.
"""

import argparse

from absl import app
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import ComponentInputsSpec, ExecutorInput
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from dimerec_tf.environment import reach_this_machine_directly

COMMAND = ("python", "-m", "tfx_pipeline.container")


def with_types(invocation: str, inputs: str) -> str:
    """An invocation whose input artifacts all have types.

    Args:
        invocation: JSON of an `ExecutorInput`, what a step is called with.
        inputs: JSON of a `ComponentInputsSpec`, what the step's component declares.
    """
    called, declared = ExecutorInput(), ComponentInputsSpec()
    json_format.Parse(invocation, called, ignore_unknown_fields=True)
    json_format.Parse(inputs, declared, ignore_unknown_fields=True)
    for name, artifacts in called.inputs.artifacts.items():
        for artifact in artifacts.artifacts:
            if not artifact.type.WhichOneof("kind"):
                artifact.type.CopyFrom(declared.artifacts[name].artifact_type)
    return json_format.MessageToJson(called)


def parse_flags(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """TFX's flags, completed, and those for Beam."""
    flags, beam = kubeflow_v2_run_executor._parse_flags(argv)
    flags.json_serialized_invocation_args = with_types(
        flags.json_serialized_invocation_args, flags.json_serialized_inputs_spec_args
    )
    return flags, beam


if __name__ == "__main__":
    reach_this_machine_directly()
    app.run(kubeflow_v2_run_executor.main, flags_parser=parse_flags)

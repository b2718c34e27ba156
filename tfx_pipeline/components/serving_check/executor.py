"""Runs the serving check in a process of its own and turns its verdict into a blessing."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from dimerec_tf.config_pipeline_steps import ServingCheckConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.servable import MODULE, ServingTask, ServingVerdict
from tfx_pipeline.evaluation import TEST_SPLIT
from tfx_pipeline.examples import sample_sequences
from tfx_pipeline.exports import exports_of
from tfx_pipeline.places import here

VERDICT, SERVER_LOG = "verdict.json", "server.log"


class Executor(BaseExecutor):
    """The pipeline knows the server by its process alone: it imports nothing of it and shares no memory with it."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the verdict and what the server printed beside the blessing; a refusal is no error.

        Raises:
            DimeRecError: the check came to no verdict.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        limits = ServingCheckConfig.model_validate_json(exec_properties["limits"])
        examples, name = artifact_utils.get_single_uri(input_dict["examples"]), exec_properties["model_name"]
        sampled = sample_sequences(examples, TEST_SPLIT, limits.histories)
        with TemporaryDirectory() as folder:
            task = ServingTask(
                exports={
                    f"{name}{suffix}": str(here(export, Path(folder)))
                    for suffix, export in exports_of(input_dict["model"]).items()
                },
                histories=[history for _, history, _ in sampled],
                k=exec_properties["k"],
                limits=limits,
                log=str(Path(folder) / SERVER_LOG),
            )
            try:
                verdict = _run(task, Path(folder))
            finally:
                if Path(task.log).exists():
                    io_utils.copy_file(task.log, _in(blessing, SERVER_LOG), overwrite=True)
        io_utils.write_string_file(_in(blessing, VERDICT), verdict.model_dump_json(indent=2))
        for reason in verdict.reasons:
            logging.warning("The serving check refuses the model: %s", reason)
        blessing.set_int_custom_property("blessed", int(not verdict.reasons))


def _run(task: ServingTask, folder: Path) -> ServingVerdict:
    asked, answered = folder / "task.json", folder / VERDICT
    asked.write_text(task.model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", MODULE, str(asked), str(answered)]
    process = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    logging.info("The serving check said:\n%s", process.stderr)
    if process.returncode:
        _, is_ours, sentence = process.stderr.rpartition("error: ")
        ended = f"The serving check ended with {process.returncode} and came to no verdict; the log has what it said."
        raise DimeRecError(sentence.strip() if is_ours else ended)
    return ServingVerdict.model_validate_json(answered.read_text(encoding="utf-8"))


def _in(artifact: Artifact, name: str) -> str:
    return os.path.join(artifact.uri, name)  # noqa: PTH118 - may be a gs:// address

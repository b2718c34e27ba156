"""Runs TFX's Trainer in a process of its own, which can join the workers of other machines."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tfx.components.trainer.executor import GenericExecutor
from tfx.types.artifact import Artifact
from tfx.types.artifact_utils import jsonify_artifact_dict
from tfx.utils import json_utils

from dimerec_tf.errors import DimeRecError
from dimerec_tf.stop_signals import told_to_stop
from dimerec_tf.training.checkpoint import TrainingStopped
from dimerec_tf.training.worker_lost import WorkerLost
from dimerec_tf.whole_files import write_text
from tfx_pipeline.cluster_worker import task_file

ERRORS = {error.exit_code: error for error in (TrainingStopped, WorkerLost)}


class Executor(GenericExecutor):
    """TensorFlow joins a cluster only before it computes anything, and earlier steps have computed in this process.

    What the Trainer is to do is written to a file beside the checkpoints, from which other workers know it. The file
    goes when the training ends.
    """

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the class; TF_CONFIG says which worker this is.

        Raises:
            TrainingStopped: SIGTERM came to one of the workers; it is handed on.
            WorkerLost: another worker ended.
            DimeRecError: the training failed.
        """
        task = task_file(Path(json_utils.loads(exec_properties["custom_config"])["checkpoints"]))
        task.parent.mkdir(parents=True, exist_ok=True)
        asked = [jsonify_artifact_dict(input_dict), jsonify_artifact_dict(output_dict), exec_properties]
        write_text(task, json.dumps(asked))
        try:
            _run([sys.executable, "-m", "tfx_pipeline.cluster_worker", str(task)])
        finally:
            task.unlink(missing_ok=True)  # where every worker runs this, the first one to end removes it


def _run(command: list[str]) -> None:
    with TemporaryFile("w+") as errors, told_to_stop(signal.SIGTERM) as stopping:
        process = subprocess.Popen(command, stderr=errors)
        while process.poll() is None:
            if stopping.wait(0.2):
                process.terminate()
                process.wait()
        errors.seek(0)
        said = errors.read()
    logging.info("The Trainer's process said:\n%s", said)
    if process.returncode:
        sentence = said.rpartition("error: ")[2].strip() or f"The Trainer's process ended with {process.returncode}."
        raise ERRORS.get(process.returncode, DimeRecError)(sentence)

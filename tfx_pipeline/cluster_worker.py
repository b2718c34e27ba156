"""Takes part in a Trainer's training as the worker that TF_CONFIG says.

Run as `python -m tfx_pipeline.cluster_worker FILE`, a `task_file`.
"""

import json
import sys
import time
from pathlib import Path

from tfx.components.trainer.executor import GenericExecutor
from tfx.types.artifact_utils import parse_artifact_dict

from dimerec_tf.edge import catching_errors
from dimerec_tf.one_writer import require_room


def task_file(checkpoints: Path) -> Path:
    """Where the chief says what the Trainer is to do, while it trains."""
    return checkpoints / "trainer.json"


def wait_for(task: Path) -> None:
    """Waits until the chief has come to the Trainer.

    Raises:
        NoDirectory: the file can never be there, since another is in the way of its directory.
    """
    require_room(task.parent)
    while not task.exists():
        time.sleep(1)


def wait_while(task: Path) -> None:
    """Waits until the training has ended."""
    while task.exists():
        time.sleep(1)


def take_part(task: Path) -> None:
    """Runs the Trainer with the chief's inputs, outputs and properties.

    Raises:
        SystemExit: the training is done, and this is not the chief, which alone exports.
    """
    inputs, outputs, properties = json.loads(task.read_text())
    GenericExecutor().Do(parse_artifact_dict(inputs), parse_artifact_dict(outputs), properties)


if __name__ == "__main__":
    with catching_errors():
        take_part(Path(sys.argv[1]))

"""The serving check as a process: python -m serving.check TASK VERDICT, both JSON files; see `ServingTask`."""

import sys
from pathlib import Path

from dimerec_tf.edge import catching_errors
from dimerec_tf.environment import one_thread_per_operation, reach_this_machine_directly, silence_native_logs
from dimerec_tf.export.servable import ServingTask
from dimerec_tf.whole_files import write_text


def main(task: str, verdict: str) -> None:
    silence_native_logs()
    reach_this_machine_directly()
    one_thread_per_operation()  # as the server computes, so that scores are rounded alike
    from serving.check.check import check_exports

    checked = check_exports(ServingTask.model_validate_json(Path(task).read_text(encoding="utf-8")))
    write_text(Path(verdict), checked.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    with catching_errors():
        main(*sys.argv[1:])

"""Ctrl-C while Beam works, as in the pipeline's Evaluator: one status, and not a stack trace of Beam's."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
import apache_beam as beam
from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.edge import catching_errors

def work(element):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
    return element

with catching_errors(), library_noise_in(Path(sys.argv[1])):
    try:
        with beam.Pipeline(argv=["--direct_running_mode=in_memory"]) as pipeline:
            pipeline | beam.Create([1, 2]) | "Work" >> beam.Map(work) | beam.combiners.Count.Globally()
    except BaseException as error:
        print(type(error).__name__)
        raise RuntimeError("a step failed") from error
"""


def test_an_interrupt_in_a_beam_pipeline_is_one(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "pipeline.log")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr == ""

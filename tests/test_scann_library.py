"""A ScaNN that is missing or does not fit TensorFlow stops what needs it with a sentence, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dimerec_tf.config import parse_config
from dimerec_tf.export.save import RECORD

SYMBOL = "undefined symbol: _ZN10tensorflow8OpKernel11TraceStringB5cxx11ERKNS_15OpKernelContextEb"
UNFIT = f"""
import tensorflow as tf
raise tf.errors.NotFoundError(None, None, "/scann/cc/_scann_ops.so: {SYMBOL}\\nand more")
"""
LINKER = f"raise ImportError('/scann/scann_pybind.so: {SYMBOL}')"
MISSING = "raise ModuleNotFoundError(\"No module named 'scann'\", name='scann')"
APART = "error: ScaNN 1.3.2 and TensorFlow 2.16.2 do not fit together"
SENTENCES = {
    UNFIT: f"{APART} (/scann/cc/_scann_ops.so: {SYMBOL}). Install it",
    LINKER: f"{APART} (/scann/scann_pybind.so: {SYMBOL}). Install it",
    MISSING: "error: ScaNN is needed here, and not installed (No module named 'scann'). Install it",
}
KINDS = pytest.mark.parametrize("package", [UNFIT, LINKER, MISSING], ids=["unfit", "linker", "missing"])


def run(folder: Path, package: str, *command: str) -> subprocess.CompletedProcess:
    """Runs Python with another `scann` in front of the real one."""
    (folder / "path" / "scann").mkdir(parents=True)
    (folder / "path" / "scann" / "__init__.py").write_text(package)
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'path'}{os.pathsep}{Path.cwd()}"}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)


def dimerec(folder: Path, package: str, *arguments: str) -> subprocess.CompletedProcess:
    return run(folder, package, "-c", "from dimerec_tf.cli.main import run; run()", *arguments)


def test_tensorflow_recommenders_alone_ends_with_the_linkers_message(tmp_path: Path) -> None:
    """What the tests below are about."""
    assert SYMBOL in run(tmp_path, UNFIT, "-c", "import dimerec_tf, tensorflow_recommenders").stderr


@KINDS
def test_the_library_works_without_it(tmp_path: Path, package: str) -> None:
    script = """
import numpy as np
from dimerec_tf import DimeRec, ModelScorer, Sequences, fit, load_model, parse_config, save_exact
from dimerec_tf.export.indexes import build_index
vectors = np.eye(32, dtype=np.float32)
build_index("ivf", vectors, 4, None)
try:
    build_index("scann", vectors, 4, None)
except ImportError as error:
    print("error:", error)
import importlib.util
print("found again" if importlib.util.find_spec("scann") else "hidden")
"""
    result = run(tmp_path, package, "-c", script)
    sentence, found = result.stdout.splitlines()
    assert sentence.startswith(SENTENCES[package])
    assert found == "found again"


@KINDS
def test_export_says_so_before_it_reads_the_model_or_the_log(tmp_path: Path, package: str) -> None:
    config = parse_config({"data": {"path": str(tmp_path / "no-log.csv")}})
    (tmp_path / RECORD).parent.mkdir()
    (tmp_path / RECORD).write_text(json.dumps({"config": json.loads(config.to_json()), "index": "exact"}))
    result = dimerec(tmp_path, package, "export", "--model", str(tmp_path), "--output", str(tmp_path / "out"))
    assert result.returncode == 1
    assert result.stderr.startswith(SENTENCES[package]) and len(result.stderr.splitlines()) == 1


@KINDS
def test_a_pipeline_says_so_before_it_loads_tfx(tmp_path: Path, package: str) -> None:
    log, config = tmp_path / "log.csv", tmp_path / "config.yaml"
    log.write_text("user_id,item_id,timestamp\nann,a,1\n")
    config.write_text(f"data:\n  path: {log}\n")
    arguments = ("pipeline", "run", "--config", str(config), "--workdir", str(tmp_path / "work"))
    result = dimerec(tmp_path, package, *arguments)
    assert result.returncode == 1 and "Loading TFX" not in result.stdout
    assert result.stderr.startswith(SENTENCES[package]) and len(result.stderr.splitlines()) == 1


def test_commands_that_do_not_need_it_work(tmp_path: Path) -> None:
    log, config = tmp_path / "log.csv", tmp_path / "config.yaml"
    log.write_text("user_id,item_id,timestamp\n" + "".join(f"u{u},i{i % 7},{i}\n" for u in range(9) for i in range(9)))
    model = "model: {dim: 4, max_history: 4, diffusion: {num_steps: 2}}"
    config.write_text(f"data: {{path: {log}}}\n{model}\ntraining: {{epochs: 1}}\n")
    arguments = ("train", "--config", str(config), "--output", str(tmp_path / "model"))
    result = dimerec(tmp_path, UNFIT, *arguments)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "model" / "exact" / "saved_model.pb").exists()

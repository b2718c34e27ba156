import os
import subprocess
import sys
from pathlib import Path

import pytest

DIMEREC = Path(sys.executable).with_name("dimerec")


def _dimerec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DIMEREC, *arguments], capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"}
    )


@pytest.mark.parametrize(
    "command",
    [
        "data",
        "pipeline",
        "demo",
        "serve",
        "recommend",
        "loadtest",
        "bench",
        "bench-incremental",
        "figures",
        "experiment",
        "rollout",
        "tune",
    ],
)
def test_help_teaches_every_command(command: str) -> None:
    assert command in _dimerec("--help").stdout
    result = _dimerec(command, "--help")
    assert result.returncode == 0
    assert "Usage: dimerec" in result.stdout


def test_an_error_is_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model: {dims: 3}")
    result = _dimerec("pipeline", "run", "--config", str(tmp_path / "config.yaml"))
    assert result.returncode == 1
    assert "model.dims" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unusable_log_ends_the_pipeline_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\nu,,1\nu,i,2\n")
    (tmp_path / "config.yaml").write_text(f"data: {{path: {tmp_path / 'log.csv'}}}")
    result = _dimerec("pipeline", "run", "--config", str(tmp_path / "config.yaml"), "--workdir", str(tmp_path / "work"))
    assert result.returncode == 1
    assert "1 of 2 rows (50.00%) were set aside (1 missing item id)" in result.stderr
    assert "Traceback" not in result.stderr
    assert "missing item id" in (tmp_path / "work" / "rejected_rows" / "rejected.jsonl").read_text()


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("one_device", "workers take part in multi_worker and parameter_server only"),
        ("multi_worker", "multi_worker needs TF_CONFIG"),
    ],
)
def test_a_worker_says_what_it_misses_before_it_waits(tmp_path: Path, strategy: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(f"training: {{strategy: {strategy}}}")
    result = _dimerec("pipeline", "worker", "--config", str(tmp_path / "config.yaml"), "--workdir", str(tmp_path))
    assert result.returncode == 1 and said in result.stderr


def test_a_preset_whose_log_is_not_public_asks_for_it() -> None:
    result = _dimerec("bench", "--preset", "ml-1m")
    assert result.returncode != 0 and "name your copy with --log" in result.stderr


def test_bench_asks_what_to_run() -> None:
    result = _dimerec("bench")
    assert result.returncode == 1
    assert "either --config FILE or --preset NAME" in result.stderr

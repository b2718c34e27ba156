"""`dimerec figures` from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dimerec_tf.cli.figures import figures
from dimerec_tf.cli.presets import load_preset_with_data
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.benchmark import Benchmark
from dimerec_tf.figures.names import FigureName
from dimerec_tf.figures.registry import FIGURES
from tests.e2e.small_log import small_config, write_log


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_log(tmp_path / "log.csv")
    file = tmp_path / "shop.yaml"
    file.write_text(small_config(tmp_path / "log.csv").to_yaml())
    return file


def _draw(config: Path, *only: FigureName, **options: object) -> Path:
    output = config.parent / "figures"
    figures(config=config, preset=None, output=output, **{"only": list(only), "epochs": 1, **options})
    return output


def test_figure_2_is_drawn_without_a_data_set(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("dimerec"), "figures", "--preset", "ml-100k", "--only", "fig2"]
    result = subprocess.run(
        [*command, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DIMEREC_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert result.returncode == 0, result.stderr
    assert "Figure 1 of 1: fig2" in result.stdout
    assert {file.name for file in (tmp_path / "out").iterdir()} == {".lock", "fig2.png", "fig2.csv", "figures.log"}
    assert not (tmp_path / "cache").exists()


def test_a_second_call_trains_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = config.parent / "steps.json"
    output = _draw(config, FigureName.TRAJECTORY, reverse_steps_json=steps)
    first = pd.read_csv(output / "trajectory.csv")
    assert first["num_steps"].max() == 4
    assert {(row["dataset"], row["model"]) for row in json.loads(steps.read_text())} == {("shop", "dimerec")}

    def train(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Benchmark, "train", train)
    (output / "trajectory.csv").unlink()
    pd.testing.assert_frame_equal(pd.read_csv(_draw(config, FigureName.TRAJECTORY) / "trajectory.csv"), first)
    with pytest.raises(AssertionError, match="trained again"):
        _draw(config, FigureName.TRAJECTORY, epochs=2)


def test_a_figure_without_its_data_is_left_out_unless_it_is_asked_for(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in set(FigureName) - {FigureName.PROBING}:
        monkeypatch.setitem(FIGURES, name, FIGURES[FigureName.FIG2])
    with pytest.raises(DimeRecError, match="Probing needs categories"):
        _draw(config, FigureName.PROBING)
    output = _draw(config)
    assert "probing is left out: Probing needs categories" in capsys.readouterr().out
    drawn = {file.stem for file in output.glob("*.png")}
    assert drawn == {name.value for name in FigureName} - {"probing"}


def test_what_to_analyse_is_asked_for(config: Path) -> None:
    with pytest.raises(DimeRecError, match="either --config FILE or --preset NAME"):
        figures(config=None, preset=None)
    with pytest.raises(DimeRecError, match="--log and --items go with --preset"):
        figures(config=config, preset=None, log=config.parent / "log.csv")
    with pytest.raises(DimeRecError, match="add --only trajectory"):
        _draw(config, FigureName.FIG2, reverse_steps_json=config.parent / "steps.json")


def test_a_preset_on_a_log_of_ones_own_has_the_categories_of_its_item_file(tmp_path: Path) -> None:
    data = load_preset_with_data("ml-1m", tmp_path / "log.csv", tmp_path / "items.csv").data
    assert (data.path, data.items_path) == (str(tmp_path / "log.csv"), str(tmp_path / "items.csv"))
    assert load_preset_with_data("ml-1m", tmp_path / "log.csv", None).data.items_path == ""

"""Figures: the numbers against something written independently, and drawings that show just these numbers."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from dimerec_tf.config import Config, load_preset, parse_config, preset_names, vary
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.bench_runs import KeptRuns
from dimerec_tf.evaluation.benchmark import Trained
from dimerec_tf.figures import ablations, fig2, losses, probing, sensitivity, trajectory
from dimerec_tf.figures.drawing import COLUMN_INCHES, STYLE, write
from dimerec_tf.figures.names import FigureName
from dimerec_tf.figures.registry import FIGURES
from dimerec_tf.figures.study import ABLATIONS, FULL, FigureRefused, Study
from dimerec_tf.models.dimerec import DimeRec
from tests.paper import paper

NUM_ITEMS = 90
NUM_STEPS = 7


def _write_data(folder: Path) -> Path:
    """Users who wander round a ring of items, whose categories are its halves."""
    rng = np.random.default_rng(0)
    lines = ["user_id,item_id,timestamp"]
    for user in range(120):
        places = np.cumsum([rng.integers(0, NUM_ITEMS), *rng.integers(1, 4, rng.integers(4, 12))]) % NUM_ITEMS
        lines += [f"u{user},i{place},{time}" for time, place in enumerate(places)]
    log = folder / "log.csv"
    log.write_text("\n".join(lines) + "\n")
    lines = [f"i{item},{'Comedy' if item < NUM_ITEMS / 2 else 'Drama'}|War" for item in range(NUM_ITEMS)]
    (folder / "items.csv").write_text("\n".join(["item_id,category", *lines]) + "\n")
    return log


def _config(log: Path) -> Config:
    config = paper(dim=16, max_history=6, num_interests=2, diffusion={"num_steps": NUM_STEPS, "reverse_steps": 6})
    sections = {
        "seed": 3,
        "data": {"path": str(log), "items_path": str(log.parent / "items.csv")},
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.01},
        "evaluation": {"filter_seen": True},
    }
    return parse_config({**config.model_dump(), **sections})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Trained]:
    """A study whose configured model is trained and measured, and that model, the only one trained here."""
    folder = tmp_path_factory.mktemp("figures")
    study = Study(_config(_write_data(folder)), "ring", folder / "runs", lambda _: None)
    study.run(FULL, {})
    return study, study.trained(FULL, {})


@pytest.fixture
def asked(whole: tuple[Study, Trained], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Config]]:
    """What a figure wants trained; it gets the one trained model for each of them, asked as configured."""
    wanted: list[tuple[str, Config]] = []
    study, once = whole

    def trained(_: KeptRuns, name: str, config: Config) -> Trained:
        wanted.append((name, config))
        asked_for = study.model.model_copy(update={"retrieval": getattr(config.model, "retrieval", "next_interest")})
        model = DimeRec(asked_for, study.kept.benchmark.counts, study.config.seed)
        model.set_weights(once.model.get_weights())
        return replace(once, model=model)

    monkeypatch.setattr(KeptRuns, "trained", trained)
    return wanted


def _scores_without_seen(study: Study, scores: np.ndarray) -> np.ndarray:
    """`[users, num_items]` scores, -inf for the items of a history."""
    benchmark = study.kept.benchmark
    for user, example in enumerate(benchmark.test):
        scores[user, np.array(benchmark.encoder.encode(example.history)) - 1] = -np.inf
    return scores


def _hit_rate(study: Study, scores: np.ndarray, k: int) -> float:
    """In percent, by sorting."""
    benchmark = study.kept.benchmark
    targets = [benchmark.encoder.row(example.targets[0]) for example in benchmark.test]
    best = np.argsort(-_scores_without_seen(study, scores), axis=1)[:, :k] + 1
    return 100 * float(np.mean([target in rows for target, rows in zip(targets, best, strict=True)]))


def _histories(study: Study) -> tf.Tensor:
    benchmark = study.kept.benchmark
    rows = [benchmark.encoder.encode(example.history) for example in benchmark.test]
    return tf.ragged.constant(rows, dtype=tf.int64).to_tensor()


def test_figure_2_has_the_papers_numbers() -> None:
    table = fig2.data()
    plane = table[table["panel"] == fig2.PLANE].set_index("case")
    assert plane["inner_product"].to_dict() == {fig2.START: 4.0, fig2.RAISED: 9.0, fig2.LOWERED: 3.0}
    expected = {fig2.START: math.sqrt(2), fig2.RAISED: math.sqrt(5), fig2.LOWERED: 1.0}
    assert plane["l2"].to_dict() == pytest.approx(expected)
    assert plane.loc[fig2.RAISED, ["y_1", "y_2"]].tolist() == [3.0, 3.0]
    sphere = table[table["panel"] == fig2.SPHERE]
    np.testing.assert_allclose(sphere["l2_squared"], 2 - 2 * sphere["inner_product"], atol=1e-12)
    assert (sphere["inner_product"].diff().dropna() < 0).all() and (sphere["l2_squared"].diff().dropna() > 0).all()


def test_the_trajectory_is_measured_after_every_step(whole: tuple[Study, Trained]) -> None:
    study, trained = whole
    table = trajectory.data(study)
    assert table.groupby("num_steps").size().to_dict() == {1: 1, 2: 2, 5: 5, NUM_STEPS: NUM_STEPS}
    assert (table.groupby("num_steps")["share"].last() == 100).all()
    walk = trained.model.walk(trained.model.interests(_histories(study))).numpy()
    assert len(walk) == study.model.diffusion.reverse_steps == 6
    configured = vary(study.config, {"diffusion.reverse_steps": 2})
    assert isinstance(configured.model, type(study.model))
    model = type(trained.model)(configured.model, study.kept.benchmark.counts, study.config.seed)
    model.set_weights(trained.model.get_weights())
    items = model.item_vectors().numpy()
    two = table[table["num_steps"] == 2]
    for state, hit_rate in zip(model.walk(model.interests(_histories(study))).numpy(), two["HR@50"], strict=True):
        assert hit_rate == pytest.approx(_hit_rate(study, state @ items.T, 50), abs=1e-3)
    assert two["HR@10"].isna().tolist() == [True, False]


def test_a_long_walk_is_measured_at_states_that_are_spread_evenly_and_end_with_the_last() -> None:
    assert [trajectory.states_asked(count) for count in (1, 2, 5)] == [[1], [1, 2], [1, 2, 3, 4, 5]]
    assert trajectory.states_asked(20) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    for count in range(1, 60):
        steps = trajectory.states_asked(count)
        assert len(steps) == min(count, trajectory.STATES) and steps[-1] == count and min(steps) >= 1
        assert set(np.diff(steps)) <= {count // len(steps), -(-count // len(steps))}


def test_the_end_of_the_configured_walk_is_what_the_benchmark_measured(
    whole: tuple[Study, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = whole
    monkeypatch.setattr(trajectory, "STEPS", (6,))
    end = trajectory.data(study).iloc[5]
    for name in ("HR@10", "NDCG@10", "HR@50"):
        assert end[name] == pytest.approx(100 * study.run(FULL, {}).metrics[name], abs=1e-3)


def test_accuracy_by_reverse_steps_takes_the_place_of_the_same_models_rows(
    whole: tuple[Study, Trained], tmp_path: Path
) -> None:
    study, _ = whole
    table = trajectory.data(study)
    file = tmp_path / "docs" / "reverse_steps.json"
    trajectory.write_reverse_steps(study, table, file)
    rows = json.loads(file.read_text())
    assert [row["num_steps"] for row in rows] == [1, 2, 5, NUM_STEPS]
    assert all(set(row) == {"dataset", "model", "num_steps", "HR@10", "NDCG@10"} for row in rows)
    other = {**rows[0], "model": "another"}
    file.write_text(json.dumps([{**rows[0], "HR@10": -1.0}, other]))
    trajectory.write_reverse_steps(study, table, file)
    assert json.loads(file.read_text()) == [other, *rows]


def test_losses_are_those_of_the_walk_and_of_its_absence(
    whole: tuple[Study, Trained], asked: list[tuple[str, Config]]
) -> None:
    study, trained = whole
    table = losses.data(study)
    assert [config.model.sphere for _, config in asked] == ["all", "raw"]
    for _, of_variant in table.groupby("variant"):
        assert of_variant["epoch"].tolist() == [1, 2, 3, 4]
        assert {name: of_variant[name].tolist() for name in trained.losses} == trained.losses


def test_losses_without_weight_have_no_panel(whole: tuple[Study, Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    study, trained = whole
    kept = {name: means for name, means in trained.losses.items() if name != "ssm"}
    monkeypatch.setattr(KeptRuns, "trained", lambda *_: replace(trained, losses=kept))
    table = losses.data(study)
    assert list(table) == ["variant", "epoch", "gem", "recon"]
    assert len(losses.draw(table).axes) == 2


@pytest.mark.parametrize("preset", preset_names())
def test_no_ablation_is_a_preset_as_it_is(preset: str) -> None:
    config = load_preset(preset)
    assert all((vary(config, changes) == config) == (name == FULL) for name, changes in ABLATIONS.items())
    without_gem = vary(config, ABLATIONS["without GEM"]).model
    assert isinstance(without_gem, DimeRecConfig) and isinstance(config.model, DimeRecConfig)
    assert (without_gem.guidance.kind, without_gem.backbone.kind) == ("rule", "none")
    assert (without_gem.guidance, without_gem.backbone) != (config.model.guidance, config.model.backbone)


def test_each_ablation_takes_out_one_thing(whole: tuple[Study, Trained], asked: list[tuple[str, Config]]) -> None:
    study, trained = whole
    table = ablations.data(study).set_index("variant")
    models = {FULL: study.model, **{name: config.model for name, config in asked}}
    assert list(models) == list(table.index) == list(ABLATIONS)
    weights = {name: (model.gem_weight, model.recon_weight, model.ssm_weight) for name, model in models.items()}
    assert weights["without L_gem"] == (0, 1, 1) and weights["without L_recon"] == (1, 0, 1)
    assert weights["without L_ssm"] == (1, 1, 0) and weights["without DAM"] == (1, 0, 0)
    assert models["without GEM"].guidance.kind == "rule" and models["without walk"].sphere == "raw"

    for metric in ablations.METRICS:
        assert table.loc[FULL, metric] == pytest.approx(100 * study.run(FULL, {}).metrics[metric], abs=1e-3)
    interests = trained.model.interests(_histories(study)).numpy()
    interests /= np.linalg.norm(interests, axis=-1, keepdims=True)
    scores = (interests @ trained.model.item_vectors().numpy().T).max(axis=1)
    assert table.loc["without DAM", "HR@50"] == pytest.approx(_hit_rate(study, scores, 50), abs=1e-3)
    assert table.loc["without DAM", "HR@50"] != table.loc[FULL, "HR@50"]


def test_probing_reads_categories_off_vectors_that_hold_them() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["Comedy", "Drama", "War"], [120, 100, 80])
    noise = rng.normal(size=(300, 8)).astype(np.float32)
    telling = noise + 8 * np.eye(8, dtype=np.float32)[np.unique(labels, return_inverse=True)[1]]
    assert probing.probe(telling, labels, 0)["accuracy"] > 99
    assert probing.probe(noise, labels, 0)["accuracy"] < 50
    floor = probing.majority(labels, 0)
    assert floor["accuracy"] == pytest.approx(40.0) and floor["deviation"] > 0


def test_probing_compares_all_models_on_first_genres(
    whole: tuple[Study, Trained], asked: list[tuple[str, Config]]
) -> None:
    study, _ = whole
    table = probing.data(study).set_index("model")
    assert list(table.index) == [*ABLATIONS, "DiffuRec", "DreamRec", probing.MAJORITY]
    baselines = [config for _, config in asked[len(ABLATIONS) :]]
    assert [config.model.kind for config in baselines] == ["diffurec", "dreamrec"]
    assert all(
        (config.model.dim, config.model.max_history, config.training.epochs) == (16, 6, 4) for config in baselines
    )
    assert table.loc[FULL, "accuracy"] > table.loc[probing.MAJORITY, "accuracy"], "neighbours on the ring are alike"


def test_probing_without_categories_is_refused_before_training(tmp_path: Path, asked: list[tuple[str, Config]]) -> None:
    config = _config(_write_data(tmp_path))
    bare = config.model_copy(update={"data": config.data.model_copy(update={"items_path": ""})})
    with pytest.raises(FigureRefused, match=r"needs categories: set data\.items_path"):
        probing.data(Study(bare, "ring", tmp_path / "runs", lambda _: None))
    assert not asked


def test_sensitivity_changes_one_setting_at_a_time(
    whole: tuple[Study, Trained], asked: list[tuple[str, Config]]
) -> None:
    study, _ = whole
    table = sensitivity.data(study)
    base = pd.json_normalize(study.config.model_dump(mode="json")).iloc[0]
    for (_, config), row in zip(asked, table[~table["configured"]].itertuples(), strict=True):
        varied = pd.json_normalize(config.model_dump(mode="json")).iloc[0]
        changed = {key.removeprefix("model.") for key in base.index if not np.array_equal(base[key], varied[key])}
        assert changed - {"diffusion.reverse_steps"} == {row.factor}
        if "diffusion.reverse_steps" in changed:
            assert config.model.diffusion.reverse_steps == config.model.diffusion.num_steps == row.value < 6
    assert table.groupby("factor", sort=False)["configured"].sum().to_dict() == dict.fromkeys(sensitivity.FACTORS, 1)
    assert table.groupby("factor")["value"].apply(lambda values: values.is_monotonic_increasing).all()


def _plotted(table: pd.DataFrame, name: FigureName) -> set[float]:
    """Every number that lines and bars of a figure show."""
    found: set[float] = set()
    for axes in FIGURES[name].draw(table).axes:
        for line in axes.lines:
            found |= set(np.ravel(line.get_xydata()).tolist())
        found |= {bar.get_width() for bar in axes.patches}
        for errors in axes.collections:
            found |= {round(float(np.ptp(segment[:, 0])) / 2, 3) for segment in errors.get_segments()}
        found |= {float(word) for text in axes.texts for word in text.get_text().split() if word.isdigit()}
    return found


@pytest.mark.parametrize("name", list(FigureName))
def test_a_figure_shows_the_numbers_of_its_csv(
    name: FigureName, whole: tuple[Study, Trained], asked: list[tuple[str, Config]], tmp_path: Path
) -> None:
    table = FIGURES[name].data(whole[0])
    write(name.value, table, FIGURES[name].draw, tmp_path)
    written = pd.read_csv(tmp_path / f"{name.value}.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    numbers = written.select_dtypes("number")
    if name is FigureName.FIG2:
        numbers = numbers.drop(columns="l2")  # rounded, beside the points
    if name is FigureName.PROBING:
        numbers = numbers.drop(index=numbers.index[-3:], columns="deviation")
    plotted = np.array(sorted(_plotted(written, name)))
    for value in numbers.to_numpy(float).ravel():
        assert np.isnan(value) or np.isclose(plotted, value, atol=1e-3).any(), value

    with Image.open(tmp_path / f"{name.value}.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == COLUMN_INCHES * STYLE["savefig.dpi"]
    assert (pixels[0, 0] == 255).all() and 0.01 < (pixels != 255).any(axis=-1).mean() < 0.5


def test_figures_of_another_model_are_refused(tmp_path: Path) -> None:
    config = parse_config({"model": {"kind": "gru4rec"}})
    with pytest.raises(DimeRecError, match="analyse DimeRec, but the configuration's model is gru4rec"):
        Study(config, "ring", tmp_path, lambda _: None)

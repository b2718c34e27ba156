import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dimerec_tf import Config, ConfigError, load_config, load_preset
from dimerec_tf.config import parse_config, preset_names, vary, with_values
from dimerec_tf.environment import LEGACY_KERAS

CLUSTER = {"image": "shop/dimerec", "root": "gs://shop/pipelines", "model_directory": "gs://shop/models"}


def test_an_unknown_key_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match=r"model\.tempreture.*received 0\.1"):
        parse_config({"model": {"tempreture": 0.1}})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": {"dim": 0}}, "model.dim"),
        ({"model": {"kind": "gru4rec", "hidden": 0}}, "model.hidden"),
        ({"model": {"kind": ["gru4rec"]}}, "kind must be one of dimerec, gru4rec"),
        ({"model": 3}, "a mapping is needed"),
        ({"model": {"diffusion": {"num_steps": 5, "reverse_steps": 6}}}, "more than num_steps, 5"),
        ({"evaluation": {"top_k": [20]}}, "must contain 10"),
        ({"evaluation": {"top_k": [10, 500]}}, "export.max_k is 100"),
        ({"data": {"split": {"eval_from": 0.9, "test_from": 0.8}}}, "before test_from"),
        ({"seed": -1}, "seed"),
        ({"data": {"path": "log/{SPAN}"}}, "set window"),
        ({"data": {"path": "log", "window": 7}}, "window is 7, but path has neither {SPAN}"),
    ],
)
def test_unusable_values_are_refused_with_their_place(values: dict, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(values)
    assert named in str(caught.value)


def test_yaml_and_json_round_trip(tmp_path: Path) -> None:
    config = parse_config({"model": {"dim": 32}, "data": {"path": "x.csv"}})
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert load_config(file) == config == Config.model_validate_json(config.to_json())
    assert load_config(file).fingerprint() == config.fingerprint() != Config().fingerprint()


def test_a_fingerprint_is_of_what_changes_a_result() -> None:
    def of(**training: object) -> str:
        return parse_config({"training": training}).fingerprint()

    assert of() == of(checkpoint_minutes=1) == of(validation=None) == of(lazy_items=None, mixed_precision=False)
    assert len({of(), of(validation={}), of(validation={"patience": 4}), of(epochs=4)}) == 4
    assert len({of(), of(lazy_items=True), of(lazy_items=False), of(mixed_precision=True)}) == 4
    assert of() != parse_config({"tuning": {}}).fingerprint() != parse_config({"tuning": {"trials": 3}}).fingerprint()
    assert of() == of(strategy="one_device") != of(strategy="mirrored")
    assert of() == parse_config({"data": {"max_user_events": 10_000}}).fingerprint()
    assert of() != parse_config({"data": {"max_user_events": 9}}).fingerprint()
    assert of() == parse_config({"cluster": CLUSTER, "beam": {"default": {"workers": 2}}}).fingerprint()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"root": "/shared/pipelines"}, "cluster.root"),
        ({"model_directory": "gs://shop/models/"}, "cluster.model_directory"),
        ({"steps": {"Transform": {"memory": 4}}}, "cluster.steps.Transform.memory"),
        ({"vertex": {"project": "shop"}}, "cluster.vertex.region"),
        (
            {"vertex": {"project": "shop", "region": "r", "endpoint": {"name": "e", "min_replicas": 3}}},
            "min_replicas is 3, more than max_replicas, 2",
        ),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused(section: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"cluster": {**CLUSTER, **section}})
    assert said in str(caught.value)


def test_a_step_is_told_nothing_of_machines() -> None:
    config = parse_config({"seed": 3, "cluster": CLUSTER, "beam": {"default": {"workers": 2}}})
    assert config.of_model() == parse_config({"seed": 3})


def test_item_vectors_cannot_be_lazy_where_there_are_none() -> None:
    with pytest.raises(ConfigError, match="lazy_items is about item vectors, which mult_vae has not"):
        parse_config({"model": {"kind": "mult_vae"}, "training": {"lazy_items": True}})


def test_only_dimerec_is_compiled() -> None:
    with pytest.raises(ConfigError, match="jit_compile is for the kind dimerec, not for sasrec"):
        parse_config({"model": {"kind": "sasrec"}, "training": {"jit_compile": True}})
    with pytest.raises(ConfigError, match="jit_compile is for one_device, not for mirrored"):
        parse_config({"training": {"jit_compile": True, "strategy": "mirrored"}})


def test_trials_within_a_pipeline_are_not_of_several_workers() -> None:
    values = {"training": {"strategy": "multi_worker"}, "tuning": {"in_pipeline": True}}
    with pytest.raises(ConfigError, match=r"tuning\.in_pipeline trains in the pipeline's own process"):
        parse_config(values)
    assert parse_config({**values, "tuning": {}}).tuning


def test_values_replace_keys_of_any_section_and_of_one_that_there_is_not() -> None:
    config = parse_config({"seed": 1})
    changes = {
        "training.learning_rate": 0.5,
        "model.denoiser.dropout": 0.25,
        "tuning.trials": 4,
        "warm_start.epochs": 1,
    }
    changed = with_values(config, changes)
    assert changed.training.learning_rate == 0.5 and changed.tuning and changed.tuning.trials == 4
    assert changed.model == vary(config, {"denoiser.dropout": 0.25}).model != config.model
    assert changed.warm_start and changed.warm_start.epochs == 1 and changed.data == config.data
    with pytest.raises(ConfigError, match=r"seed has no keys of its own, but seed\.x was to be set"):
        with_values(config, {"seed.x": 1})


def test_presets_load_and_a_wrong_name_lists_them() -> None:
    for name in preset_names():
        assert load_preset(name).name
    with pytest.raises(ConfigError, match=r"the presets are .*ml-100k"):
        load_preset("nothing")


def test_a_missing_file_and_broken_yaml_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        load_config(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="YAML mapping, got list"):
        load_config(tmp_path / "list.yaml")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != LEGACY_KERAS}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)


def test_importing_the_library_loads_neither_tensorflow_nor_the_pipelines_packages() -> None:
    result = _python(
        "import sys; sys.modules.update(dict.fromkeys(['tfx', 'grpc', 'scann'])); import dimerec_tf;"
        "print('tensorflow' in sys.modules)"
    )
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.tensorflow
def test_the_librarys_models_training_and_exports_need_none_of_the_pipelines_packages() -> None:
    result = _python(
        "import sys; sys.modules.update(dict.fromkeys(['tfx', 'grpc', 'scann']));"
        "import dimerec_tf.models.dimerec, dimerec_tf.training.fit, dimerec_tf.export.save;"
        "import dimerec_tf.evaluation.benchmark; print('fine')"
    )
    assert result.stdout.strip() == "fine", result.stderr


def test_a_missing_tf_keras_gives_our_message() -> None:
    result = _python("import sys; sys.modules['tf_keras'] = None; import dimerec_tf")
    assert "ImportError: dimerec_tf needs Keras 2" in result.stderr
    assert "pip install 'tf-keras==2.16.0'" in result.stderr


def test_a_missing_tf_keras_ends_the_command_with_a_sentence() -> None:
    dimerec = str(Path(sys.executable).with_name("dimerec"))
    result = _python(
        f"import runpy, sys; sys.modules['tf_keras'] = None; sys.argv = [{dimerec!r}, '--help'];"
        f"runpy.run_path({dimerec!r}, run_name='__main__')"
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: dimerec_tf needs Keras 2") and "Traceback" not in result.stderr


@pytest.mark.tensorflow
def test_keras_3_gives_our_message() -> None:
    result = _python("import tensorflow as tf; tf.keras.layers.Layer; import dimerec_tf")
    assert result.returncode != 0
    assert "Import dimerec_tf before tensorflow, or set TF_USE_LEGACY_KERAS=1" in result.stderr


@pytest.mark.tensorflow
def test_tensorflow_imported_first_is_fine_when_it_runs_with_keras_2() -> None:
    result = _python(
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = '1'; import tensorflow as tf; tf.keras.layers.Layer;"
        "import dimerec_tf; print('fine')"
    )
    assert result.stdout.strip() == "fine", result.stderr


@pytest.mark.parametrize(
    ("values", "place", "meant"),
    [
        ({"modle": {}}, "modle", "model"),
        ({"training": {"epoch": 3}}, "training.epoch", "epochs"),
        ({"data": {"users_column": "u"}}, "data.users_column", "user_column"),
        ({"model": {"guidance": {"kinds": "mlp"}}}, "model.guidance.kinds", "kind"),
        ({"model": {"kind": "sasrce"}}, "model", "sasrec"),
        ({"model": {"kind": "sasrec", "block": 2}}, "model.block", "blocks"),
        ({"model": {"diffusion": {"schedule": "cosin"}}}, "model.diffusion.schedule", "cosine"),
        ({"export": {"indexes": ["ivff"]}}, "export.indexes.0", "ivf"),
        ({"steps": {"batch_recommender": {"kk": 3}}}, "steps.batch_recommender.kk", "k"),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(values: dict[str, Any], place: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"  {re.escape(place)}: .*Did you mean '{meant}'\?"):
        parse_config(values)


def test_a_key_like_no_other_and_a_preset_are_answered_too() -> None:
    with pytest.raises(ConfigError) as unlike:
        parse_config({"xyzzy": 1})
    assert "xyzzy" in str(unlike.value) and "Did you mean" not in str(unlike.value)
    with pytest.raises(ConfigError, match=r"There is no preset 'ml-10k'.*Did you mean 'ml-100k'\?"):
        load_preset("ml-10k")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: shop\nseed: \xe9\n", "is not UTF-8: line 2 holds the byte 0xe9. Save it as UTF-8."),
        (b"name: shop\nseed: [\n", "is not valid YAML, line 3, column 1: "),
        (
            b"training:\n  epochs: 1\n  epochs: 2\n",
            "is not valid YAML, line 3, column 3: the key 'epochs' is there twice.",
        ),
        (b"\x00\x01", "is not valid YAML: unacceptable character"),
    ],
)
def test_a_file_that_is_no_configuration_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "latin.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "latin.yaml")
    assert str(refused.value).startswith(f"{tmp_path / 'latin.yaml'} {said}")


def test_a_value_without_end_is_shortened() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config({"name": "!" * 10_000})
    assert len(str(refused.value)) < 500

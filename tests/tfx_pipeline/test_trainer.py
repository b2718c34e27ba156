"""Where an interrupted training finds its state again, and a warm start its weights."""

from pathlib import Path

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from dimerec_tf.config import parse_config
from dimerec_tf.training.sequences import Sequences
from tfx_pipeline.modules.trainer import data_name, lasting, previous_export


def test_a_checkpoint_belongs_to_one_vocabulary_its_sequences_one_previous_model_and_one_length(tmp_path: Path) -> None:
    (tmp_path / "items").write_text("a\nb\n")
    (tmp_path / "others").write_text("b\na\n")
    sequences = Sequences.from_lists([[1, 2], [2, 1, 1]])
    name = data_name(tmp_path / "items", sequences, None, None)
    assert name == data_name(tmp_path / "items", Sequences.from_lists([[1, 2], [2, 1, 1]]), None, None)
    others = [Sequences.from_lists(rows) for rows in ([[1, 2], [2, 1, 2]], [[1, 2, 2], [1, 1]])]
    names = {data_name(tmp_path / "items", other, None, None) for other in others}
    names |= {data_name(tmp_path / "others", sequences, None, None)}
    names |= {data_name(tmp_path / "items", sequences, previous, None) for previous in ("models/1", "models/2")}
    names |= {data_name(tmp_path / "items", sequences, None, steps) for steps in (100, 200)}
    assert len(names | {name}) == 8


@pytest.mark.parametrize(
    ("warm_start", "base_model", "expected"),
    [
        (None, "blessed", None),
        ({}, "blessed", "blessed"),
        ({}, None, None),
        ({}, "empty", None),
        ({"previous": "named"}, "blessed", "named"),
    ],
    ids=["switched off", "the last blessed", "none blessed yet", "none pushed yet", "named"],
)
def test_a_warm_start_takes_the_named_model_or_the_last_blessed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    warm_start: dict[str, str] | None,
    base_model: str | None,
    expected: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("blessed").mkdir()
    config = parse_config({"warm_start": warm_start})
    assert previous_export(config, FnArgs(base_model=base_model)) == expected


@pytest.mark.parametrize(("steps", "epochs"), [(None, 7), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_a_number_of_steps_is_rounded_up_to_epochs(steps: int | None, epochs: int) -> None:
    sequences = Sequences.from_lists([[1, 2]] * 5)
    config = parse_config({"training": {"epochs": 7, "batch_size": 2}})
    assert lasting(config, steps, sequences).training.epochs == epochs, "five windows are three batches of two"

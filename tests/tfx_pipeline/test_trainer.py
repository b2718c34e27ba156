"""Where an interrupted training finds its state again."""

from pathlib import Path

from dimerec_tf.training.sequences import Sequences
from tfx_pipeline.modules.trainer import data_name


def test_a_checkpoint_belongs_to_one_vocabulary_and_its_sequences(tmp_path: Path) -> None:
    (tmp_path / "items").write_text("a\nb\n")
    (tmp_path / "others").write_text("b\na\n")
    sequences = Sequences.from_lists([[1, 2], [2, 1, 1]])
    name = data_name(tmp_path / "items", sequences)
    assert name == data_name(tmp_path / "items", Sequences.from_lists([[1, 2], [2, 1, 1]]))
    others = [Sequences.from_lists(rows) for rows in ([[1, 2], [2, 1, 2]], [[1, 2, 2], [1, 1]])]
    names = {data_name(tmp_path / "others", sequences), *(data_name(tmp_path / "items", other) for other in others)}
    assert len(names | {name}) == 4

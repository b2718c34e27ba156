"""The vocabulary file: the library's reading of it against the lookup table's."""

from pathlib import Path

import pytest
import tensorflow as tf

from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.features import ItemVocabulary, known_rows


def test_every_id_comes_back_whatever_line_breaks_unicode_knows(tmp_path: Path) -> None:
    ids = ["plain", "a\u2028b", "c\x85d", "e\x0bf\x0c\x1cg", "\x1d", "last"]
    Encoder(ids).save(tmp_path / "items")
    vocabulary = ItemVocabulary(tmp_path / "items")
    rows = vocabulary.encode(tf.constant([ids]))
    assert rows.numpy().tolist() == [[1, 2, 3, 4, 5, 6]]
    assert [item.decode() for item in vocabulary.decode(rows)[0].numpy()] == ids


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("a\n\nb\n", "repeated or empty"), ("a\na\n", "1 rep")]
)
def test_an_unusable_vocabulary_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "items").write_text(text)
    with pytest.raises(ValueError, match=message):
        ItemVocabulary(tmp_path / "items")


@pytest.mark.parametrize(
    "histories",
    [
        [["b", "who?", "a"], ["", "c", ""], ["who?", "", ""]],
        [["who?"], [""]],
        [["a", "a"]],
        [],
    ],
)
def test_served_histories_are_encoded_as_those_of_transform(tmp_path: Path, histories: list[list[str]]) -> None:
    (tmp_path / "items").write_text("a\nb\nc\n")
    vocabulary = ItemVocabulary(tmp_path / "items")
    dense = tf.reshape(tf.constant(histories, tf.string), [len(histories), -1 if histories else 2])
    expected = known_rows(dense, vocabulary.table).to_tensor().numpy().tolist()
    assert vocabulary.encode(dense).numpy().tolist() == expected

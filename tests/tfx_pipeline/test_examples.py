"""Examples are found in a workdir of any name."""

from pathlib import Path

import pytest
import tensorflow as tf

from dimerec_tf.features import HISTORY, TARGET
from tfx_pipeline.examples import read_split


@pytest.mark.parametrize("folder", ["plain", "sales[12]", "old [red]", "x[", "a*b?"])
def test_a_path_is_no_pattern(folder: str, tmp_path: Path) -> None:
    split = tmp_path / folder / "Split-test"
    split.mkdir(parents=True)
    values = {"user_id": [b"u1"], HISTORY: [b"i1", b"i2"], TARGET: [b"i3"]}
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=texts)) for name, texts in values.items()}
    with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as writer:
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    assert list(read_split(str(tmp_path / folder), "test")) == [("u1", ["i1", "i2"], "i3")]

"""Artifacts that do not lie on this machine; `ram://` is a file system of TensorFlow's, as a bucket is."""

import posixpath
from pathlib import Path

import pytest
import tensorflow as tf

from tfx_pipeline.places import here, written_here


def write(place: str, text: str) -> None:
    tf.io.gfile.makedirs(posixpath.dirname(place))
    with tf.io.gfile.GFile(place, "w") as stream:
        stream.write(text)


def test_what_is_here_stays_where_it_is(tmp_path: Path) -> None:
    assert here(str(tmp_path)) == tmp_path
    with written_here(str(tmp_path)) as directory:
        assert directory == tmp_path


def test_a_file_and_a_directory_are_brought_here() -> None:
    write("ram://read/model/variables/data", "weights")
    assert here("ram://read/model/variables/data").read_text() == "weights"
    assert (here("ram://read/model") / "variables" / "data").read_text() == "weights"


def test_what_is_written_goes_there() -> None:
    with written_here("ram://written/model") as directory:
        (directory / "Format-Serving").mkdir()
        (directory / "Format-Serving" / "saved_model.pb").write_text("graph")
    with tf.io.gfile.GFile("ram://written/model/Format-Serving/saved_model.pb") as stream:
        assert stream.read() == "graph"


def test_nothing_goes_there_when_writing_fails() -> None:
    with pytest.raises(KeyError), written_here("ram://failed/model") as directory:
        (directory / "half").write_text("graph")
        raise KeyError
    assert not tf.io.gfile.exists("ram://failed/model/half")

"""Artifacts as files of this machine, for what does not read and write through TFX, Beam or TensorFlow."""

import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx.dsl.io import fileio
from tfx.utils import io_utils


def here(place: str, folder: Path | None = None) -> Path:
    """A file or a directory, copied to this machine unless it is there.

    Args:
        place: its address.
        folder: takes a copy; None for one that nobody removes.
    """
    if "://" not in place:
        return Path(place)
    copy = (folder or Path(tempfile.mkdtemp())) / posixpath.basename(place)
    (io_utils.copy_dir if fileio.isdir(place) else io_utils.copy_file)(place, str(copy))
    return copy


@contextmanager
def written_here(place: str) -> Iterator[Path]:
    """A directory of this machine whose files are in `place` after the block."""
    if "://" not in place:
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)
        io_utils.copy_dir(directory, place)

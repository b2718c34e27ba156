"""A workdir that was moved or copied: ML Metadata names what a run wrote by where it lay then."""

import sqlite3
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from dimerec_tf.errors import DimeRecError
from dimerec_tf.one_writer import alone_in
from tfx_pipeline.metadata import open_store
from tfx_pipeline.workdir import Workdir


class MetadataUnusable(DimeRecError, ValueError):
    """A `metadata.sqlite` that no run can be read from or added to."""


def settle(workdir: Workdir) -> Path | None:
    """Lets metadata name what lies below a workdir by where it lies now; for whoever is alone in it.

    Returns:
        Where the workdir was at its last run, None if that was here or there was none.

    Raises:
        MetadataUnusable: the file is not ML Metadata's or is damaged, or what the runs wrote is not here.
    """
    if not workdir.metadata.exists():
        return None
    _require_sound(workdir.metadata)
    store = open_store(workdir.metadata)
    moved = [(artifact, former) for artifact in store.get_artifacts() if (former := _former(artifact, workdir))]
    if not moved:
        return None
    former = moved[-1][1]
    if not workdir.artifacts.is_dir():
        raise MetadataUnusable(
            f"{workdir.metadata} is of runs in {former}, and there is no {workdir.artifacts} with what they wrote: "
            "move the whole workdir, or name another one."
        )
    for artifact, root in moved:
        _move(artifact, root, str(workdir.root))
    store.put_artifacts([artifact for artifact, _ in moved])
    return Path(former)


def settle_to_read(workdir: Workdir) -> Path | None:
    """`settle` for a command that reads, and so runs beside others, unless the workdir was moved.

    Raises:
        MetadataUnusable: see `settle`.
        InUse: it was moved, and a command that was started before is at work in it.
    """
    if not workdir.metadata.exists():
        return None
    _require_sound(workdir.metadata)
    if not any(_former(artifact, workdir) for artifact in open_store(workdir.metadata).get_artifacts()):
        return None
    with alone_in(workdir.root):
        return settle(workdir)


def _former(artifact: mlmd.Artifact, workdir: Workdir) -> str:
    """The workdir that an artifact was written in, '' if that is this one or none."""
    root, found, _ = artifact.uri.rpartition(f"/{workdir.artifacts.name}/")
    return root if found and "://" not in root and root != str(workdir.root) else ""


def _move(artifact: mlmd.Artifact, former: str, now: str) -> None:
    artifact.uri = now + artifact.uri.removeprefix(former)
    for value in artifact.custom_properties.values():
        if value.string_value.startswith(f"{former}/"):
            value.string_value = now + value.string_value.removeprefix(former)


def _require_sound(metadata: Path) -> None:
    try:
        connection = sqlite3.connect(metadata, timeout=60)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        verdict, tables = str(error), set()
    if verdict != "ok" or (tables and "MLMDEnv" not in tables):
        reason = verdict if verdict != "ok" else "it is another program's database"
        raise MetadataUnusable(
            f"{metadata} cannot be used ({reason}): put a copy of it from before back, or name another --workdir."
        )

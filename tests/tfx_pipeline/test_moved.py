"""A workdir that was moved, copied in part, or damaged."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from dimerec_tf.cli import main
from dimerec_tf.one_writer import alone_in
from tfx_pipeline.metadata import open_store
from tfx_pipeline.moved import MetadataUnusable, settle, settle_to_read
from tfx_pipeline.workdir import Workdir


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """With an artifact, a push of it, and an artifact that lies elsewhere."""
    workdir = Workdir(tmp_path / "artifacts" / "first")  # a name that is also one below it
    (workdir.artifacts / "Trainer" / "model" / "3").mkdir(parents=True)
    store = open_store(workdir.metadata)
    kind = store.put_artifact_type(mlmd.ArtifactType(name="Model"))
    uris = [str(workdir.artifacts / "Trainer" / "model" / "3"), "gs://bucket/artifacts/model", ""]
    artifacts = [mlmd.Artifact(type_id=kind, uri=uri) for uri in uris]
    artifacts[0].custom_properties["pushed_destination"].string_value = str(workdir.serving("dimerec") / "1")
    artifacts[0].custom_properties["pushed_version"].string_value = "1"
    store.put_artifacts(artifacts)
    return workdir


def artifacts(workdir: Workdir) -> list[mlmd.Artifact]:
    return sorted(open_store(workdir.metadata).get_artifacts(), key=lambda artifact: artifact.id)


@pytest.mark.parametrize("settles", [settle, settle_to_read])
def test_a_moved_workdir_names_what_is_in_it_where_it_is(workdir: Workdir, tmp_path: Path, settles: object) -> None:
    assert settles(workdir) is None
    moved = Workdir(tmp_path / "moved")
    shutil.move(workdir.root, moved.root)
    assert settles(moved) == workdir.root
    found = artifacts(moved)
    assert [artifact.uri for artifact in found] == [
        f"{moved.artifacts}/Trainer/model/3",
        "gs://bucket/artifacts/model",
        "",
    ]
    assert found[0].custom_properties["pushed_destination"].string_value == f"{moved.root}/serving/dimerec/1"
    assert found[0].custom_properties["pushed_version"].string_value == "1"
    assert settles(moved) is None, "once is enough"


def test_a_workdir_in_which_somebody_works_is_read_unless_it_was_moved(workdir: Workdir) -> None:
    with alone_in(workdir.root):
        assert settle_to_read(workdir) is None


def test_metadata_alone_is_one_sentence(workdir: Workdir, tmp_path: Path) -> None:
    alone = Workdir(tmp_path / "alone")
    alone.root.mkdir()
    shutil.copy(workdir.metadata, alone.metadata)
    with pytest.raises(MetadataUnusable, match=f"is of runs in {workdir.root}, and there is no {alone.artifacts}"):
        settle(alone)
    assert artifacts(alone)[0].uri == f"{workdir.artifacts}/Trainer/model/3"


def test_a_new_workdir_has_nothing_to_settle(tmp_path: Path) -> None:
    assert settle(Workdir(tmp_path)) is None and list(tmp_path.iterdir()) == []


def of_random_bytes(file: Path) -> None:
    file.write_bytes(random.Random(0).randbytes(5000))


def of_another_program(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()


def cut_off(file: Path) -> None:
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: size // 2])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (of_random_bytes, "file is not a database"),
        (of_another_program, "it is another program's database"),
        (cut_off, "malformed|Tree|page"),
    ],
)
@pytest.mark.parametrize("command", [["lineage", "1"], ["dashboard"]])
def test_metadata_that_is_none_is_one_sentence(
    workdir: Workdir,
    damage: object,
    reason: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if damage is of_another_program:
        workdir.metadata.unlink()
    damage(workdir.metadata)
    before = workdir.metadata.read_bytes()
    monkeypatch.setattr("sys.argv", ["dimerec", *command, "--workdir", str(workdir.root)])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 1
    with pytest.raises(MetadataUnusable, match=rf"{workdir.metadata} cannot be used \(.*({reason})"):
        settle(workdir)
    assert f"error: {workdir.metadata} cannot be used (" in capsys.readouterr().err
    assert workdir.metadata.read_bytes() == before

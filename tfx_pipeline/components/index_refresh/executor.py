"""Refreshes the newest version below a directory and pushes what comes of it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from dimerec_tf.errors import DimeRecError
from dimerec_tf.export import versions
from dimerec_tf.export.catalogue_changes import read_new_items, read_withdrawn
from dimerec_tf.export.push import push
from dimerec_tf.export.recall import HISTORIES
from dimerec_tf.export.refresh import refresh
from tfx_pipeline.examples import sample_sequences


class Executor(BaseExecutor):
    """A server sees the whole version or none, as after a push; the artifact is Pusher's, too."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the class.

        Raises:
            ChangeRefused: the changes cannot be made.
            ExportUnusable: the newest version is no trained model.
            NewerVersion: another push came in between.
            DimeRecError: there is no version.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        base = Path(exec_properties["serving_dir"])
        withdrawn, new_items = exec_properties["withdrawn"], exec_properties["new_items"]
        sampled = sample_sequences(artifact_utils.get_single_uri(input_dict["examples"]), "train", HISTORIES)
        newest = newest_version(base)
        with TemporaryDirectory() as folder:
            exact = Path(folder) / "export"
            refresh(
                newest,
                read_withdrawn(Path(withdrawn)) if withdrawn else [],
                read_new_items(Path(new_items)) if new_items else [],
                [[*history, target] for _, history, target in sampled],
                exact,
            )
            version = push(exact, base, follows=int(newest.name))
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property("pushed_destination", str(base / str(version)))
        pushed.set_string_custom_property("pushed_version", str(version))


def newest_version(base: Path) -> Path:
    """The directory of the newest version.

    Raises:
        DimeRecError: there is none.
    """
    found = versions.complete(base) if base.is_dir() else {}
    if not found:
        raise DimeRecError(f"{base} holds no version to refresh: push a model first, with `dimerec pipeline run`.")
    return found[max(found)]

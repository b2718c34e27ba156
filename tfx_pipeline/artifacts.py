"""Artifacts of our own.

Kubeflow finds the class of one by its type's name, in which it takes one dot, and takes no properties but custom ones.
"""

from tfx.types.artifact import Artifact


class ItemIndex(Artifact):
    """Item vectors and trained indexes of them, without the model.

    `item_vectors.npy` float32 `[items, dim]`, `item_ids.txt` with an id for each of them, a SavedModel `ivf` or `scann`
    that finds ids for queries (see `ItemIndexModule`), and `index.json` with everything that is recorded of each.

    Custom properties:
        items: how many there are.
        catalogue_sha256: of `item_ids.txt`.
        target_recall: what the indexes are tuned to, `export.target_recall`.
        recall: what was measured, the lowest of the indexes.
        build_seconds: of all indexes.
        bytes: on disk.
    """

    TYPE_NAME = "tfx_pipeline.ItemIndex"


class Recommendations(Artifact):
    """Files `recommendations-*`, see `Executor`; without a push there are none.

    Custom properties:
        users: how many users have an entry.
        cold_start_users: how many of them have the most popular items, as no item of their history is known.
    """

    TYPE_NAME = "tfx_pipeline.Recommendations"

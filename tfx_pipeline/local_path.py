"""Where a container finds what lies in a bucket."""

from pathlib import Path

from dimerec_tf.errors import DimeRecError

BUCKETS = "gs://"
MOUNT = Path("/gcs")


def local_path(place: str) -> Path:
    """The place of an artifact in the file system, for what is not read and written through TFX, Beam or TensorFlow.

    Vertex mounts buckets there; Kubeflow copies a step's inputs there before it, and its outputs from there after it.

    Raises:
        DimeRecError: the place is neither in this file system nor in such a bucket.
    """
    if place.startswith(BUCKETS):
        return MOUNT / place.removeprefix(BUCKETS)
    if "://" in place:
        raise DimeRecError(f"{place} is neither a path nor in a bucket {BUCKETS}: containers find no other place.")
    return Path(place)

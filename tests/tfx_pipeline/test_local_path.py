"""Where a container finds what lies in a bucket."""

from pathlib import Path

import pytest

from dimerec_tf.errors import DimeRecError
from tfx_pipeline.local_path import local_path


def test_a_bucket_is_where_kubeflow_and_vertex_put_it() -> None:
    assert local_path("gs://shop/models/1") == Path("/gcs/shop/models/1")


def test_a_path_stays() -> None:
    assert local_path("models/1") == Path("models/1")


def test_another_scheme_is_refused() -> None:
    with pytest.raises(DimeRecError, match="s3://shop/models is neither a path nor in a bucket gs://"):
        local_path("s3://shop/models")

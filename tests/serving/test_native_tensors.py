"""Arrays survive the way into TensorFlow's own tensors and back."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from serving.server.c_api import quick
from serving.server.native_tensors import array_of, delete_tensor, new_tensor

LENGTHS = [0, 1, 21, 22, 23, 24, 100, 5000]


def _there_and_back(array: np.ndarray, dtype: tf.DType) -> np.ndarray:
    tensor = new_tensor(array, dtype.as_datatype_enum)
    try:
        return array_of(tensor)
    finally:
        delete_tensor(tensor)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int8, np.uint16, np.int32, np.int64, np.bool_, np.complex64]
)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0,), (2, 0, 3), (5, 1, 2)])
def test_numbers(dtype: type, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 2, shape).astype(dtype)
    found = _there_and_back(array, tf.dtypes.as_dtype(dtype))
    assert (found.dtype, found.shape) == (array.dtype, shape)
    np.testing.assert_array_equal(found, array)


def test_half_precision_of_the_accelerators() -> None:
    array = np.array([1.5, -2.0, 3e38], ml_dtypes.bfloat16)
    found = _there_and_back(array, tf.bfloat16)
    assert found.dtype == array.dtype and found.tobytes() == array.tobytes()


def test_values_take_the_type_that_the_graph_asks_for_and_columns_their_order() -> None:
    columns = np.arange(6, dtype=np.int64).reshape(2, 3).T
    np.testing.assert_array_equal(_there_and_back(columns, tf.float32), columns.astype(np.float32))


@pytest.mark.parametrize("shape", [(len(LENGTHS),), (2, 4), (4, 1, 2)])
def test_strings_of_every_length(shape: tuple[int, ...]) -> None:
    array = np.array([bytes([0, 255, 10, 65])[: length % 5] + b"x" * length for length in LENGTHS], object)
    found = _there_and_back(array.reshape(shape), tf.string)
    assert found.shape == shape and found.ravel().tolist() == array.tolist()


def test_no_string_and_one() -> None:
    assert _there_and_back(np.empty((0, 3), object), tf.string).shape == (0, 3)
    assert _there_and_back(np.array(b"only", object), tf.string).tolist() == b"only"


def test_the_layout_is_tensorflows() -> None:
    texts = [b"y" * length for length in LENGTHS]
    tensor = new_tensor(np.array(texts, object), tf.string.as_datatype_enum)
    start = quick.TF_TensorData(tensor)
    assert [quick.TF_StringGetSize(start + 24 * position) for position in range(len(texts))] == LENGTHS
    delete_tensor(tensor)


def test_numpys_own_strings() -> None:
    assert _there_and_back(np.array([b"a", b"bcd"]), tf.string).tolist() == [b"a", b"bcd"]

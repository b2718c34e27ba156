"""The one place that opens Parquet files, of which none runs code.

A Parquet file may hold columns of a Python type. pyarrow before 14.0.1 unpickles such a type when it opens the file
(CVE-2023-47248), which runs whatever was pickled; pyarrow-hotfix makes it an error. Newer releases do not unpickle.
"""

from base64 import b64decode
from typing import IO

import pyarrow.parquet as pq
import pyarrow_hotfix

CARRIES_PYTHON = (
    "a column of it is of a Python type, which would run code and is never read; "
    "write the file anew with plain columns, or leave that column out"
)
_PYTHON_TYPE = b"arrow.py_extension_type"

pyarrow_hotfix.install()  # does nothing a second time, or where pyarrow needs none


def open_parquet(stream: IO[bytes], int96_unit: str | None = None) -> pq.ParquetFile:
    """Opens a file to read; timestamps of type INT96 come in nanoseconds, or in another unit.

    Raises:
        ValueError: a column is of a Python type.
        pyarrow.ArrowException: it is no Parquet file, or damaged.
    """
    try:
        file = pq.ParquetFile(stream, coerce_int96_timestamp_unit=int96_unit)
    except RuntimeError as error:  # of the hotfix, whose text shows the pickle
        raise ValueError(CARRIES_PYTHON) from error
    if _PYTHON_TYPE in b64decode((file.metadata.metadata or {}).get(b"ARROW:schema", b"")):  # pyarrow from 21 on
        raise ValueError(CARRIES_PYTHON)
    return file

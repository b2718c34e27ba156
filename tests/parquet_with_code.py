"""Makes Parquet files that run code where pyarrow unpickles their types."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple:
        return open, (str(self._marker), "w")


def write_with_code(file: Path, marker: Path, columns: Mapping[str, Sequence], nested: bool = False) -> Path:
    """Writes the columns; who opens the file with a careless pyarrow makes `marker`.

    Args:
        file: where to.
        marker: what the code in the file makes.
        columns: values by name; the first carries the code.
        nested: whether it carries it inside of a struct.
    """
    code = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(_Touch(marker)),
    }
    first, *others = columns
    fields = [pa.field(first, pa.array(columns[first]).type, metadata=code)]
    table = dict(columns)
    if nested:
        fields = [pa.field(first, pa.struct(fields))]
        table[first] = [{first: value} for value in columns[first]]
    fields += [pa.field(name, pa.array(columns[name]).type) for name in others]
    pq.write_table(pa.table(table, schema=pa.schema(fields)), file)
    assert not marker.exists()
    return file

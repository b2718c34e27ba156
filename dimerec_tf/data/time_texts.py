"""Text that is a number, and text that is a moment: ISO 8601 as databases and languages write it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ZONE = r"( ?[+-]\d{2}(:?\d{2})?| ?(\+00:?00 )?([Zz]|UTC|GMT))?"
_EXTENDED = rf"\d{{4}}(-\d{{2}}-\d{{2}}|/\d{{2}}/\d{{2}})([Tt ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d{{1,9}})?)?{_ZONE})?"
_BASIC = rf"\d{{8}}[Tt]\d{{6}}([.,]\d{{1,9}})?{_ZONE}"
MOMENT = rf"^({_EXTENDED}|{_BASIC})$"
# What databases and languages write, as pandas reads it: BigQuery's ` UTC`, Go's ` +0000 UTC`, Snowflake's ` +0100`
_USUAL = (
    (r" ?(\+00:?00 )?([Zz]|UTC|GMT)$", "Z"),
    (r" ([+-]\d{2}(:?\d{2})?)$", r"\1"),
    (r"^(\d{4})/(\d{2})/(\d{2})", r"\1-\2-\3"),
    (r"^(\d{4})(\d{2})(\d{2})[Tt](\d{2})(\d{2})(\d{2})", r"\1-\2-\3T\4:\5:\6"),
    (r"^(.{10})t", r"\1T"),
    (",", "."),
)
_YEARS = (1678, 2261)  # whole years that 64 bits of nanoseconds hold


def trimmed(column: pa.Array) -> pa.Array:
    """Without spaces around them; a text that is missing is empty."""
    return pc.utf8_trim_whitespace(pc.fill_null(column, ""))


def matches(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def parse_moments(texts: pa.Array) -> tuple[NDArray[np.datetime64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Reads texts that match `MOMENT`.

    Returns:
        datetime64[ns] `[n]`, UTC, 1970 where there is none; which are no moment, like the 30th of February; and which
        lie outside the years that nanoseconds can count.
    """
    import pandas as pd  # takes longer to load than all else of a command that only prints its help

    for pattern, replacement in _USUAL:
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    moments = pd.to_datetime(pd.Series(texts.to_pandas(), dtype=object), errors="coerce", utc=True)
    times = moments.to_numpy("datetime64[ns]")
    missing = np.isnat(times)
    years = pc.utf8_slice_codeunits(texts, 0, 4).cast(pa.int64()).to_numpy(zero_copy_only=False)
    beyond = missing & ((years < _YEARS[0]) | (years > _YEARS[1]))
    return np.where(missing, np.zeros((), times.dtype), times), missing & ~beyond, beyond

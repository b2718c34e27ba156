"""Ids that are read as they stand and may be mistakes: a missing value's name, a number that was made a fraction."""

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MISSING = r"(?i)^\s*[<(\[]?(null|nil|none|nan|-nan|na|n/a|#n/a|nat|undefined|\\n)[>)\]]?\s*$"
_KINDS = {
    "with a point or an exponent, as whole numbers that became fractions": r"^-?\d+(\.\d+)?[eE][+-]?\d+$|^-?\d+\.0+$",
    "with space at an end": r"^\s|\s$",
    "with control characters": r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]",
}
_ANY = "|".join([_MISSING, *_KINDS.values()])


def doubts_about(role: str, ids: pa.Array) -> Counter[str]:
    """Counts the events of doubtful ids `[n]`; `role` is `user` or `item`.

    Returns:
        Events by what is doubtful, such as `user id 'NULL', which looks like a missing value`.
    """
    encoded = ids.dictionary_encode()
    names = encoded.dictionary
    doubtful = np.flatnonzero(pc.match_substring_regex(names, _ANY).to_numpy(zero_copy_only=False))
    doubts: Counter[str] = Counter()
    if not len(doubtful):
        return doubts
    events = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(names))
    for place in doubtful.tolist():
        text = names[place].as_py()
        if re.search(_MISSING, text):
            doubts[f"{role} id {text!r}, which looks like a missing value"] += int(events[place])
        for kind, pattern in _KINDS.items():
            if re.search(pattern, text):
                doubts[f"{role} ids {kind}"] += int(events[place])
    return doubts

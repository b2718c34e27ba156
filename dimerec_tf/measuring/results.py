"""Machine-readable results: one JSON file whose keys several commands write."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dimerec_tf.whole_files import write_text


def merge_results(file: Path, sections: Mapping[str, Any]) -> None:
    """Puts sections into a JSON file and leaves its other keys as they are; NaN becomes null."""
    former = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    new = json.loads(json.dumps(sections), parse_constant=lambda _: None)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps({**former, **new}, indent=2) + "\n")

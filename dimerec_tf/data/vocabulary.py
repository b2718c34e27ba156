"""Item rows without a graph: the library's counterpart of the vocabulary that Transform writes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dimerec_tf.data.protocols import UserExample


class Encoder:
    """Maps item ids to rows 1..num_items, the most frequent first; equally frequent ids in reverse order of text,
    which is Transform's order too."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = list(ids)
        self._rows = {item: row for row, item in enumerate(self.ids, start=1)}

    @classmethod
    def from_training(cls, examples: Iterable[UserExample], min_item_count: int = 1) -> "Encoder":
        """Counts every event of the training split."""
        counts: Counter[str] = Counter()
        for example in examples:
            counts.update([*example.history, *example.targets])
        kept = [item for item, count in counts.items() if count >= min_item_count]
        return cls(sorted(kept, key=lambda item: (counts[item], item.encode()), reverse=True))

    @property
    def num_items(self) -> int:
        return len(self.ids)

    def row(self, item: str) -> int:
        """The item's row, 0 if it is not in the catalogue."""
        return self._rows.get(item, 0)

    def encode(self, items: Iterable[str]) -> list[int]:
        """The rows of the known items, in order."""
        return [row for item in items if (row := self.row(item))]

    def save(self, file: Path) -> None:
        """Writes the vocabulary file that an export reads."""
        file.write_text("".join(f"{item}\n" for item in self.ids), encoding="utf-8")

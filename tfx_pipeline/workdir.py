"""Where a local run keeps everything, below one directory."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workdir:
    """Paths of a local run; `serving` is what a model server watches."""

    root: Path

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.sqlite"

    @property
    def rejected(self) -> Path:
        return self.root / "rejected_rows"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def log(self) -> Path:
        return self.root / "pipeline.log"

    def serving(self, name: str) -> Path:
        return self.root / "serving" / name

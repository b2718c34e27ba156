"""Where a local run keeps everything, below one directory."""

from dataclasses import dataclass
from pathlib import Path

from dimerec_tf.errors import DimeRecError

PATTERN = set("*?[]")


class NoRuns(DimeRecError, LookupError):
    """There is no run to tell anything of."""


class UnusableWorkdir(DimeRecError):
    """A directory in which no pipeline can run."""


@dataclass(frozen=True)
class Workdir:
    """Paths of a local run; `serving` is what a model server watches."""

    root: Path

    def require_no_pattern(self) -> None:
        """Beam takes the path of every file that it writes for a pattern, and finds nothing again.

        Raises:
            UnusableWorkdir: the path has characters of a pattern.
        """
        found = sorted(PATTERN & set(str(self.root)))
        if found:
            raise UnusableWorkdir(
                f"The workdir {self.root} has {' and '.join(found)} in its path, which TFX's steps take for a pattern: "
                "name another one with --workdir."
            )

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.sqlite"

    def existing_metadata(self) -> Path:
        """The same file, which ML Metadata would otherwise make.

        Raises:
            NoRuns: there is none.
        """
        if not self.metadata.exists():
            raise NoRuns(
                f"There is no {self.metadata}: name the --workdir of `dimerec pipeline run` or `dimerec demo`."
            )
        return self.metadata

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

"""What a pipeline asks the serving check, a process of its own, and what it is told."""

from dimerec_tf.config_base import Section
from dimerec_tf.config_pipeline_steps import ServingCheckConfig

MODULE = "serving.check"  # python -m MODULE TASK VERDICT


class ServingTask(Section):
    """Which exports to serve and what to ask them.

    Attributes:
        exports: directories of SavedModels by the names under which they are served.
        histories: item ids, oldest first.
        k: how many items each request asks for.
        limits: what an export must stand.
        log: the file that gets what the server prints.
    """

    exports: dict[str, str]
    histories: list[list[str]]
    k: int
    limits: ServingCheckConfig
    log: str


class Finding(Section):
    """What one export came to; it is refused if there are `reasons`, a sentence each.

    Attributes:
        megabytes: its size on disk, in 10^6 bytes.
        answers: how many were compared with the SavedModel's.
        p50_ms: the median of a call's milliseconds; None where none was timed.
        p99_ms: the 99th percentile.
        reasons: against a push.
    """

    megabytes: float
    answers: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    reasons: tuple[str, ...] = ()


class ServingVerdict(Section):
    """Findings by the names of exports."""

    findings: dict[str, Finding]

    @property
    def reasons(self) -> list[str]:
        """Everything that is against a push, each with the name of its export."""
        return [f"{name}: {reason}" for name, finding in self.findings.items() for reason in finding.reasons]

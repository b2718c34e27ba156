"""What users did with the canary's answers, as a reason against it."""

from collections.abc import Sequence
from pathlib import Path

from serving.experiments.buckets import Bucket
from serving.experiments.exposures import Unit, read_exposures, read_outcomes
from serving.experiments.report import report


def fewer_clicks(files: Sequence[Path], outcomes: Path, buckets: Sequence[Bucket], unit: Unit) -> str | None:
    """A sentence if a treatment's CTR is significantly below the control's, else None.

    Raises:
        DimeRecError: the logs cannot be read or compared, see `serving.experiments.report.report`.
    """
    found = report(read_exposures(files, unit), read_outcomes(outcomes, unit), buckets)
    for comparison in found.comparisons:
        if comparison.ctr.high < 0:
            control = found.buckets[0]
            return (
                f"The CTR of {comparison.bucket} is {comparison.ctr.value:+.3%} from that of {control.name} "
                f"({control.ctr:.3%}), at most {comparison.ctr.high:+.3%} at {found.confidence:.1%} confidence."
            )
    return None

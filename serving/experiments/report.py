"""What an experiment showed: rates of each bucket, and each treatment against the control."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from dimerec_tf.errors import DimeRecError
from serving.experiments.buckets import Bucket
from serving.experiments.difference import Difference, proportion_difference, ratio_difference
from serving.experiments.exposures import Exposures

MISMATCH_P_VALUE = 0.001


@dataclass(frozen=True)
class BucketResult:
    """One bucket.

    Attributes:
        units: users or requests.
        impressions: items shown, each once for a unit.
        clicks: impressions that were clicked.
        ctr: clicks / impressions.
        hit_rate: share of units with at least one click on what they were shown.
    """

    name: str
    units: int
    impressions: int
    clicks: int
    ctr: float
    hit_rate: float


@dataclass(frozen=True)
class Comparison:
    """A treatment less the control."""

    bucket: str
    ctr: Difference
    hit_rate: Difference


@dataclass(frozen=True)
class Report:
    """Results in the order of the buckets, the control first.

    Attributes:
        mismatch_p_value: of the chi-square test of the buckets' sizes against their weights.
        unmatched_clicks: clicks on items that the unit was not shown; they count nowhere.
        outside: exposures without a bucket.
        confidence: of each interval after dividing the risk among the treatments (Bonferroni).
    """

    buckets: list[BucketResult]
    comparisons: list[Comparison]
    mismatch_p_value: float
    unmatched_clicks: int
    outside: int
    confidence: float


def report(exposures: Exposures, clicks: pd.DataFrame, buckets: Sequence[Bucket], confidence: float = 0.95) -> Report:
    """Joins clicks to exposures and compares the buckets.

    P-values and intervals are corrected for the number of treatments (Bonferroni).

    Args:
        exposures: who was shown what.
        clicks: columns `unit` and `item_id`, each pair once.
        buckets: with their weights, the control first.
        confidence: of all intervals of one metric together.

    Raises:
        DimeRecError: a bucket is unknown or has too little in it, or the sizes do not fit the weights: then users were
            lost or assigned wrongly, and any difference may come from that.
    """
    if not 0 < confidence < 1:
        raise DimeRecError(f"The confidence must be between 0 and 1, got {confidence:g}.")
    names = [bucket.name for bucket in buckets]
    mismatch = _check_sizes(exposures, buckets)
    joined = exposures.impressions.merge(clicks.assign(clicked=1), on=["unit", "item_id"], how="left")
    counts = joined.groupby("unit").agg(impressions=("item_id", "size"), clicks=("clicked", "count"))
    units = exposures.buckets.to_frame("bucket").join(counts).fillna({"impressions": 0, "clicks": 0})
    groups = {name: units[units["bucket"] == name] for name in names}
    empty = [name for name, group in groups.items() if len(group) < 2 or not group["impressions"].sum()]
    if empty:
        raise DimeRecError(f"{', '.join(empty)}: fewer than two units, or no item shown. Wait for more exposures.")
    treatments = len(names) - 1
    each = 1 - (1 - confidence) / treatments
    control = groups[names[0]]
    return Report(
        buckets=[_result(name, group) for name, group in groups.items()],
        comparisons=[_compare(name, control, groups[name], each, treatments) for name in names[1:]],
        mismatch_p_value=mismatch,
        unmatched_clicks=len(clicks) - int(counts["clicks"].sum()),
        outside=exposures.outside,
        confidence=each,
    )


def _check_sizes(exposures: Exposures, buckets: Sequence[Bucket]) -> float:
    sizes = exposures.buckets.value_counts()
    unknown = sorted(set(sizes.index) - {bucket.name for bucket in buckets})
    if unknown:
        raise DimeRecError(
            f"The exposures name buckets that were not given: {', '.join(unknown)}. Give every bucket of the "
            "experiment with its weight."
        )
    observed = [int(sizes.get(bucket.name, 0)) for bucket in buckets]
    weights = [bucket.weight for bucket in buckets]
    expected = [sum(observed) * weight / sum(weights) for weight in weights]
    if not sum(observed):
        raise DimeRecError("No exposure has a bucket. Was the experiment running?")
    p_value = float(stats.chisquare(observed, expected).pvalue)
    if p_value < MISMATCH_P_VALUE:
        found = ", ".join(f"{bucket.name} {size}" for bucket, size in zip(buckets, observed, strict=True))
        wanted = ", ".join(f"{size:.0f}" for size in expected)
        raise DimeRecError(
            f"Sample ratio mismatch: {found}, but the weights ask for {wanted} (p = {p_value:.2g}). Users were lost or "
            "assigned wrongly, so no difference can be trusted. Find the cause before reading results."
        )
    return p_value


def _result(name: str, group: pd.DataFrame) -> BucketResult:
    impressions, clicks = int(group["impressions"].sum()), int(group["clicks"].sum())
    return BucketResult(
        name, len(group), impressions, clicks, clicks / impressions, float((group["clicks"] > 0).mean())
    )


def _compare(
    name: str, control: pd.DataFrame, treatment: pd.DataFrame, confidence: float, treatments: int
) -> Comparison:
    pair = (control, treatment)
    ratios = [(group["clicks"].to_numpy(float), group["impressions"].to_numpy(float)) for group in pair]
    hits = [(int((group["clicks"] > 0).sum()), len(group)) for group in pair]
    return Comparison(
        name,
        _corrected(ratio_difference(ratios[0], ratios[1], confidence), treatments),
        _corrected(proportion_difference(hits[0], hits[1], confidence), treatments),
    )


def _corrected(difference: Difference, treatments: int) -> Difference:
    p_value = min(1.0, difference.p_value * treatments)
    return Difference(difference.value, difference.low, difference.high, p_value)

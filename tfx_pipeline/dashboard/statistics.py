"""What TFDV says of a run's splits, and how far their items lie from other splits'."""

from pathlib import Path
from typing import NamedTuple

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from dimerec_tf.data.protocols import SPLIT_NAMES
from dimerec_tf.features import HISTORY, TARGET

TOP_VALUES = 15


class FeatureStatistics(NamedTuple):
    """One feature of one split.

    Attributes:
        missing: share of examples without a value.
        shortest, mean_length, longest: values in an example.
        distinct: how many different values there are.
        top: the most frequent values and their shares of all values.
        lengths: upper bounds of ten buckets of equally many examples by the number of their values.
    """

    split: str
    name: str
    examples: int
    missing: float
    shortest: int
    mean_length: float
    longest: int
    distinct: int
    top: list[tuple[str, float]]
    lengths: list[float]


class Drift(NamedTuple):
    """How far a feature's values lie from those it is compared with: 0 is alike, 1 is nothing in common."""

    feature: str
    of: str
    against: str
    l_infinity: float
    jensen_shannon: float


def load_split(statistics: Path, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """StatisticsGen's output for a split."""
    return tfdv.load_stats_binary(str(statistics / f"Split-{split}" / "FeatureStats.pb"))


def load_splits(statistics: Path) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """StatisticsGen's output by split."""
    return {split: load_split(statistics, split) for split in SPLIT_NAMES}


def all_splits(statistics: Path, previous: Path | None) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Those of a run, and the training split of the previous one, if there is one."""
    return load_splits(statistics) | (
        {"train of the previous run": load_split(previous, SPLIT_NAMES[0])} if previous else {}
    )


def describe(statistics: Path) -> list[FeatureStatistics]:
    """Every feature of every split that has values."""
    return [
        _describe(split, feature)
        for split in SPLIT_NAMES
        for feature in load_split(statistics, split).datasets[0].features
        if feature.string_stats.common_stats.num_non_missing
    ]


def drifts(statistics: Path, previous: Path | None) -> list[Drift]:
    """The later splits against training, and each split against that of the previous run, if there is one."""
    own = load_splits(statistics)
    pairs = [(split, own[split], "train", own["train"]) for split in SPLIT_NAMES[1:]]
    if previous:
        pairs += [(split, own[split], f"{split} of the previous run", load_split(previous, split)) for split in own]
    return [
        Drift(feature, of, against, *_distances(feature, statistics, others))
        for of, statistics, against, others in pairs
        for feature in (HISTORY, TARGET)
    ]


def _distances(
    feature: str,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    others: statistics_pb2.DatasetFeatureStatisticsList,
) -> tuple[float, float]:
    """TFDV's two measures of drift, the largest difference of a value's share and the Jensen-Shannon divergence."""
    measured = []
    for measure in ("infinity_norm", "jensen_shannon_divergence"):
        schema = schema_pb2.Schema()
        compared = schema.feature.add(name=feature, type=schema_pb2.BYTES)
        getattr(compared.drift_comparator, measure).threshold = 0.0
        found = tfdv.validate_statistics(statistics, schema, previous_statistics=others)
        (info,) = found.drift_skew_info
        measured.append(info.drift_measurements[0].value)
    return measured[0], measured[1]


def _describe(split: str, feature: statistics_pb2.FeatureNameStatistics) -> FeatureStatistics:
    strings = feature.string_stats
    common = strings.common_stats
    examples = common.num_non_missing + common.num_missing
    return FeatureStatistics(
        split=split,
        name=feature.path.step[0],
        examples=examples,
        missing=common.num_missing / examples,
        shortest=common.min_num_values,
        mean_length=common.avg_num_values,
        longest=common.max_num_values,
        distinct=strings.unique,
        top=[(value.value, value.frequency / common.tot_num_values) for value in strings.top_values[:TOP_VALUES]],
        lengths=[bucket.high_value for bucket in common.num_values_histogram.buckets],
    )

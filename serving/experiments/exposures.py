"""Reads what was shown to whom, and what was clicked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import tensorflow as tf

from dimerec_tf.data.parquet import open_parquet
from dimerec_tf.errors import DimeRecError
from dimerec_tf.suggestions import did_you_mean

Unit = Literal["user_id", "request_id"]
BUCKET, ITEMS = "experiment_bucket", "item_ids"
_BATCH = 1024


@dataclass(frozen=True)
class Exposures:
    """What an experiment showed.

    Attributes:
        buckets: the bucket of each unit, indexed by unit.
        impressions: columns `unit` and `item_id`, one row for each item that a unit was shown, however often.
        outside: exposures without a bucket: they were not part of any experiment.
    """

    buckets: "pd.Series[str]"
    impressions: pd.DataFrame
    outside: int


def read_exposures(files: Sequence[Path], unit: Unit) -> Exposures:
    """Reads tf.Examples with the features `user_id` or `request_id`, `experiment_bucket` and `item_ids`.

    What is outside of every bucket needs no id.

    Args:
        files: TFRecord files, gzipped where their name ends in `.gz`.
        unit: which id the buckets were assigned by, or clicks are known by.

    Raises:
        DimeRecError: a file cannot be read, what is in a bucket has no id, or a unit was in two buckets.
    """
    features = {
        unit: tf.io.FixedLenFeature([], tf.string, ""),
        BUCKET: tf.io.FixedLenFeature([], tf.string, ""),
        ITEMS: tf.io.RaggedFeature(tf.string),
    }
    names = [str(file) for file in files]
    try:
        batches = [(row[unit].numpy(), row[BUCKET].numpy(), row[ITEMS]) for row in _parsed(names, features)]
    except tf.errors.OpError as error:
        raise DimeRecError(
            f"The exposures in {', '.join(names)} cannot be read: {error.message} Each record must be a tf.Example "
            f"with the features {unit}, {BUCKET} and {ITEMS}."
        ) from error
    if not batches:
        raise DimeRecError(f"There are no exposures in {', '.join(names)}.")
    units = _text(np.concatenate([units for units, _, _ in batches]))
    buckets = _text(np.concatenate([buckets for _, buckets, _ in batches]))
    lengths = np.concatenate([items.row_lengths().numpy() for _, _, items in batches])
    shown = pd.DataFrame(
        {
            "unit": np.repeat(units, lengths),
            "bucket": np.repeat(buckets, lengths),
            "item_id": _text(np.concatenate([items.flat_values.numpy() for _, _, items in batches])),
        }
    )
    return Exposures(
        _one_bucket_each(pd.DataFrame({"unit": units, "bucket": buckets}).query("bucket != ''"), unit),
        shown[shown["bucket"] != ""][["unit", "item_id"]].drop_duplicates(),
        int((buckets == "").sum()),
    )


def read_outcomes(path: Path, unit: Unit) -> pd.DataFrame:
    """Reads clicks from a CSV or Parquet file with the columns `user_id` or `request_id`, and `item_id`.

    Returns:
        Columns `unit` and `item_id`, each pair once.

    Raises:
        DimeRecError: the file cannot be read, or a column is missing or has empty cells.
    """
    columns = [unit, "item_id"]
    try:
        if path.suffix == ".parquet":
            with path.open("rb") as stream:
                table = open_parquet(stream)
                _require(columns, table.schema_arrow.names, path)
                clicks = table.read(columns).to_pandas()[columns]
        else:
            _require(columns, list(pd.read_csv(path, nrows=0).columns), path)
            clicks = pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, KeyError) as error:
        raise DimeRecError(
            f"The outcomes in {path} cannot be read: {error} It must be a CSV or .parquet file with the columns {unit} "
            "and item_id."
        ) from error
    if clicks.isna().any(axis=None):
        raise DimeRecError(f"{path} has rows without {unit} or item_id. Remove or complete them.")
    return clicks[columns].astype(str).set_axis(["unit", "item_id"], axis="columns").drop_duplicates()


def _require(columns: Sequence[str], names: Sequence[str], path: Path) -> None:
    for column in columns:
        if column not in names:
            there = ", ".join(map(repr, names))
            raise DimeRecError(f"{path} has no column {column!r}, only {there}.{did_you_mean(column, names)}")


def _parsed(names: Sequence[str], features: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in names:
        records = tf.data.TFRecordDataset(name, compression_type="GZIP" if name.endswith(".gz") else "")
        yield from records.batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, features))


def _text(values: np.ndarray) -> np.ndarray:
    """Ids as text; each that is not UTF-8 stays one of its own."""
    return np.array([value.decode(errors="surrogateescape") for value in values], dtype=object)


def _one_bucket_each(assigned: pd.DataFrame, unit: Unit) -> "pd.Series[str]":
    pairs = assigned.drop_duplicates()
    if (pairs["unit"] == "").any():
        raise DimeRecError(
            f"Exposures in a bucket have no {unit}. Report by the other id, or send it with requests, as the header "
            f"x-{unit.replace('_', '-')}."
        )
    twice = pairs["unit"].duplicated(keep=False)
    if twice.any():
        count, example = pairs.loc[twice, "unit"].nunique(), pairs.loc[twice, "unit"].iloc[0]
        raise DimeRecError(
            f"{count} values of {unit} were in two buckets, for example {example!r}. If the weights were changed, "
            "report the time before and the time after apart from one another."
        )
    return pairs.set_index("unit")["bucket"]

"""Where a log is, how it is read, and how it is split."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import Fraction, PositiveInt, Section

PLACEHOLDERS = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)\b")


class SplitConfig(Section):
    """How a log becomes train, eval and test.

    `leave_one_out`: a user's last event is the test target, the one before it the validation target.
    `global_time`: training sees only events before `eval_from`; a user's first event in `[eval_from, test_from)` is
    the validation target and the first one from `test_from` on the test target, each with all earlier events as its
    history. A boundary below 1 is a quantile of the events' times, any other number a time in the log's unit, or in
    seconds since 1970 UTC if the log has dates and times.
    `sequences`: users in the order of their first event, cut 8:1:1; every prefix of a held-out sequence predicts its
    next item from the `history` last events. DreamRec's protocol (arXiv 2310.20453).
    `users`: users in the order of a hash of their id, cut 8:1:1; the first 80 % of a held-out user's events predict
    the items of the others, several targets at once. ComiRec's protocol (arXiv 2005.09347).
    A pipeline can do the first two only; the other two are for benchmarks.
    """

    kind: Literal["leave_one_out", "global_time", "sequences", "users"] = "leave_one_out"
    eval_from: int | float = 0.8
    test_from: int | float = 0.9
    history: PositiveInt = 10

    @model_validator(mode="after")
    def _ordered(self) -> "SplitConfig":
        if self.eval_from >= self.test_from:
            raise ValueError(f"eval_from must lie before test_from, got {self.eval_from} and {self.test_from}")
        return self

    @property
    def protocol(self) -> str:
        """What stands beside numbers measured on this split."""
        if self.kind == "sequences":
            return f"sequences 8:1:1, each prefix's last {self.history} events predict the next"
        if self.kind == "users":
            return "users 8:1:1, the first 80 % of a user's events predict the rest"
        return self.kind.replace("_", "-")


class DataConfig(Section):
    """Where the log is and how to read it.

    `path` is a file or a directory of CSV (`.csv`, `.tsv`, `.inter`, also `.gz`, `.bz2`, `.zst` or `.zip`), Parquet
    or TFRecord files (`.tfrecord` of tf.Examples, an event each, gzipped or not). What a file holds is told by its
    first bytes. Outside placeholders no character of `path` is a pattern. Times are numbers (of one unit, any whose
    order is time) or moments (timestamps, or ISO 8601 text, of the years 1678 to 2261), never both in one log.
    `items_path`, if there is one, is a text file with the same delimiter and the columns item_id and category (several
    separated by `|`), from which benchmarks and exports take categories.

    For a log that grows by spans, `path` has TFX's placeholders: `{SPAN}`, or `{YYYY}`, `{MM}` and `{DD}`, and
    perhaps `{VERSION}`, of which the highest counts; `{SPAN:3}` is a number of three digits, `*` any text. A pipeline
    reads the newest span and those before it, `window` numbers in all. Of a user with more than `max_user_events` the
    latest are used, and the others counted.

    Instead of a `path` a pipeline can have a `query` in BigQuery's SQL, whose rows are events; see `QueryExampleGen`.

    `user_column`, `item_column` and `time_column` name the columns, which text files separate by `delimiter`. A share
    of more than `max_bad_fraction` bad rows stops everything. An event that has another's user, item and time is a bad
    row; with `repeats: keep` it is an event like others, as in logs whose times are days. Items with fewer than
    `min_item_count` training events are not in the catalogue.
    """

    path: str = ""
    query: str = ""
    items_path: str = ""
    user_column: str = "user_id"
    item_column: str = "item_id"
    time_column: str = "timestamp"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    max_bad_fraction: Fraction = 0.01
    split: SplitConfig = SplitConfig()
    min_item_count: PositiveInt = 1
    window: PositiveInt | None = None
    max_user_events: PositiveInt = 10_000
    repeats: Literal["drop", "keep"] = "drop"

    @model_validator(mode="after")
    def _has_one_source(self) -> "DataConfig":
        if self.path and self.query:
            raise ValueError("path and query are both set: a log comes from files or from BigQuery, take one out")
        return self

    @model_validator(mode="after")
    def _has_a_window(self) -> "DataConfig":
        if PLACEHOLDERS.search(self.path) and self.window is None:
            raise ValueError(f"path {self.path} names spans: set window to how many are read, up to the newest")
        if self.window and not PLACEHOLDERS.search(self.path):
            raise ValueError(f"window is {self.window}, but path has neither {{SPAN}} nor {{YYYY}}, {{MM}} and {{DD}}")
        return self


DATA_SWITCHES = ("query", "window", "max_user_events", "repeats")

"""The spans of a log that grows day by day: which of a window there are, found as TFX finds its newest one."""

from typing import NamedTuple

from tfx.components.example_gen import utils
from tfx.proto import example_gen_pb2, range_config_pb2

from dimerec_tf.data.log_files import LogError


class Span(NamedTuple):
    """A span in its newest version, None where the pattern has none.

    `pattern` is that of its files, below the log's directory; `fingerprint` is TFX's, of their sizes and times.
    """

    number: int
    version: int | None
    pattern: str
    fingerprint: str


def find_spans(base: str, pattern: str, window: int, newest: int | None = None) -> list[Span]:
    """The spans of a window, oldest first; one that is missing is left out.

    Args:
        base: directory of the log, where a pattern's characters stand for themselves.
        pattern: of its files, with TFX's placeholders.
        window: how many span numbers are looked at.
        newest: the last of them; by default the newest span that there is.

    Raises:
        LogError: there is no span, or the pattern cannot be one.
    """
    if newest is None:
        found = _find(base, pattern, None)
        if found is None:
            raise LogError(f"No span of the log at {base}/{pattern}: change data.path, or wait for the first one.")
        newest = found.number
    numbers = range(max(newest - window + 1, 0), newest + 1)
    spans = [span for span in (_find(base, pattern, number) for number in numbers) if span]
    if not spans or spans[-1].number != newest:
        raise LogError(
            f"Span {newest} of {base}/{pattern} is not written like that: {{SPAN:3}} in data.path stands for a number "
            "of three digits."
        )
    return spans


def _find(base: str, pattern: str, number: int | None) -> Span | None:
    split = example_gen_pb2.Input.Split(name="span", pattern=pattern)
    only = None
    if number is not None:
        both_ends = range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
        only = range_config_pb2.RangeConfig(static_range=both_ends)
    try:
        fingerprint, found, version = utils.calculate_splits_fingerprint_span_and_version(base, [split], only)
    except ValueError as error:
        if str(error).startswith("Cannot find matching"):
            return None
        raise LogError(f"The spans of data.path {base}/{pattern} cannot be told: {error}.") from error
    return Span(found, version, split.pattern, fingerprint)

"""Parts by name: what a configuration accepts can be imported, and nothing else is accepted."""

from collections.abc import Mapping

import pytest

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.named_parts import EXTRACTORS, INDEXES, SCHEDULES, find


@pytest.mark.parametrize("parts", [SCHEDULES, EXTRACTORS, INDEXES], ids=["schedules", "extractors", "indexes"])
def test_every_part_is_where_its_line_says(parts: Mapping[str, str]) -> None:
    found = {name: find(parts, name) for name in parts}
    assert [part.__name__ for part in found.values()] == [where.partition(":")[2] for where in parts.values()]
    assert len(set(found.values())) == len(parts)


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"diffusion": {"schedule": "linear"}}},
        {"model": {"guidance": {"kind": "linear"}}},
        {"model": {"kind": "dreamrec", "diffusion": {"schedule": "linear"}}},
        {"export": {"indexes": ["linear"]}},
    ],
)
def test_another_name_is_refused_with_those_that_there_are(values: dict) -> None:
    with pytest.raises(ConfigError, match=r"or '(sasrec|exponential|scann)' \(received 'linear'\)"):
        parse_config(values)

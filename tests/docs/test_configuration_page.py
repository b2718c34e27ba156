"""The page about the configuration is the one that its classes give, and says what every key means."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dimerec_tf.config import Config, parse_config
from dimerec_tf.config_base import Section
from dimerec_tf.config_reference import configuration_page, explanation, sections
from tests.docs.commands import PAGES, ROOT, blocks_of

PAGE = ROOT / "docs/configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == configuration_page(), "run `make config-page`"


def _keys(values: dict[str, Any], path: str) -> set[str]:
    """Every key of a whole configuration with what it lies in."""
    found: set[str] = set()
    for key, value in values.items():
        found |= _keys(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"}
    return found


@pytest.mark.parametrize("kind", ["dimerec", "mult_vae", "dreamrec"])
def test_it_has_every_key_with_its_default(kind: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    config = parse_config({"model": {"kind": kind}, "training": {"validation": {}}, "warm_start": None})
    missing = {key for key in _keys(config.model_dump(mode="json"), "") if f"| `{key}` |" not in text}
    assert missing == set()
    assert "| `model.diffusion.num_steps` | whole number above 0 | `200` |" in text
    assert "| `evaluation.top_k` | list of whole number above 0 | `[10, 20, 50]` |" in text


def _is_explained(section: type[Section], key: str) -> bool:
    """Named in what the section says, or all of its values are; a section of its own explains itself."""
    text = explanation(section)
    field = section.model_json_schema()["properties"][key]
    values = field.get("enum", [field["const"]] if "const" in field else [])
    named = re.search(rf"`{key}\b", text) or (values and all(f"`{value}`" in text for value in values))
    return bool(named) or len(values) == 1


CONFIGURATION = [section for section in sections().values() if section.__module__.startswith("dimerec_tf.config")]


@pytest.mark.parametrize("section", CONFIGURATION, ids=lambda section: section.__name__)
def test_every_key_is_explained(section: type[Section]) -> None:
    plain = [key for key, field in section.model_fields.items() if "Config" not in str(field.annotation)]
    assert [key for key in plain if not _is_explained(section, key)] == []


def _fragments() -> list[tuple[Path, str]]:
    return [(page, block) for page in PAGES for block in blocks_of(page, "yaml")]


@pytest.mark.parametrize(("page", "block"), _fragments(), ids=lambda value: getattr(value, "stem", ""))
def test_fragments_of_a_configuration_in_the_pages_are_valid(page: Path, block: str) -> None:
    values = yaml.safe_load(block)
    if set(values) <= set(Config.model_fields):
        assert isinstance(parse_config(values), Config)
    else:
        assert set(values) <= {"seeds", "datasets", "models", "evaluation"}, f"{page} shows what is no configuration"

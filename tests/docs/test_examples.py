"""Code in the pages is code that there is."""

import ast
import importlib

import pytest

from tests.docs.commands import PAGES, ROOT, blocks_of

BLOCKS = [(page.name, block) for page in PAGES for block in blocks_of(page, "python")]
SHOWN = [block for page, block in BLOCKS if page == "CONTRIBUTING.md"]
EXAMPLES = [(page, block) for page, block in BLOCKS if page != "CONTRIBUTING.md"]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.partition("\n")[0])
def test_contributing_shows_the_code_as_it_is(block: str) -> None:
    place, _, code = block.partition("\n")
    assert code in (ROOT / place.removeprefix("# ")).read_text(encoding="utf-8")


def test_every_kind_of_part_is_shown() -> None:
    places = {block.partition("\n")[0].removeprefix("# ") for block in SHOWN}
    shown = ("named_parts.py", "baselines/gru4rec.py", "layers/guidance/mlp.py")
    assert {f"dimerec_tf/{file}" for file in shown} <= places


@pytest.mark.parametrize(("page", "block"), EXAMPLES, ids=lambda text: text.partition("\n")[0])
def test_what_examples_import_exists(page: str, block: str) -> None:
    imports = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        module = importlib.import_module(node.module or "")
        assert [name.name for name in node.names if not hasattr(module, name.name)] == [], f"{page}: {node.module}"

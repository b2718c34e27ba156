"""The library's public names and their signatures are those in `public_names.txt`.

Who changes one on purpose changes the file, and says so in the changelog.
"""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import dimerec_tf
from dimerec_tf.config_base import Section

SNAPSHOT = Path(__file__).with_name("public_names.txt")


def _described() -> Iterator[str]:
    for name in sorted(dimerec_tf.__all__):
        value = getattr(dimerec_tf, name)
        if not inspect.isclass(value):
            yield f"{name}{_signature(value)}"
            continue
        bases = ", ".join(base.__name__ for base in value.__bases__)
        yield f"class {name}({bases})"
        if issubclass(value, Section):
            yield from (f"    {field}" for field in value.model_fields)
        elif not issubclass(value, Exception):
            yield f"    __init__{_signature(value.__init__)}"
        yield from sorted(_members(value))


def _members(kind: type) -> Iterator[str]:
    """What the class itself defines, without what it inherits."""
    for name, value in vars(kind).items():
        if name.startswith("_") or name == "model_config":
            continue
        if inspect.isroutine(value):
            yield f"    {name}{_signature(inspect.unwrap(getattr(kind, name)))}"
        elif isinstance(value, property):
            yield f"    {name}: property"


def _signature(function: Any) -> str:
    return str(inspect.signature(function))


def test_public_names_and_signatures_change_on_purpose_only() -> None:
    assert "\n".join(_described()) + "\n" == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", dimerec_tf.__all__)
def test_a_public_name_says_what_it_is_and_has_types(name: str) -> None:
    value = getattr(dimerec_tf, name)
    assert inspect.getdoc(value)
    if not inspect.isclass(value):
        parameters = inspect.signature(value).parameters
        assert set(get_type_hints(value)) == {*parameters, "return"}


@pytest.mark.tensorflow
def test_the_package_and_its_configuration_need_no_tensorflow() -> None:
    code = (
        "import sys, dimerec_tf; dimerec_tf.load_preset('ml-100k'); assert 'tensorflow' not in sys.modules; "
        "assert dimerec_tf.Sequences and 'tensorflow' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'dimerec_tf' has no attribute 'DimRec'"):
        dimerec_tf.DimRec  # noqa: B018
    assert set(dimerec_tf.__all__) < set(dir(dimerec_tf))

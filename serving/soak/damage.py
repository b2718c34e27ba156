"""Ways in which a pushed version can be broken."""

import shutil
from collections.abc import Callable
from pathlib import Path

_GRAPH = "saved_model.pb"


def _fill_graph_with_noise(version: Path) -> None:
    size = (version / _GRAPH).stat().st_size
    (version / _GRAPH).write_bytes(bytes(i * i % 251 for i in range(size)))


def _cut_graph(version: Path) -> None:
    _cut(version / _GRAPH)


def _cut_variables(version: Path) -> None:
    _cut(_variables(version))


def _flip_variables(version: Path) -> None:
    data = bytearray(_variables(version).read_bytes())
    data[len(data) // 2] ^= 0xFF
    _variables(version).write_bytes(data)


def _delete_variables(version: Path) -> None:
    shutil.rmtree(version / "variables")


def _empty_graph(version: Path) -> None:
    (version / _GRAPH).write_bytes(b"")


def _cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def _variables(version: Path) -> Path:
    return next((version / "variables").glob("variables.data-*"))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "graph of noise": _fill_graph_with_noise,
    "graph cut off": _cut_graph,
    "graph empty": _empty_graph,
    "variables cut off": _cut_variables,
    "variables flipped": _flip_variables,
    "variables missing": _delete_variables,
}

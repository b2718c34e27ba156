"""The notebook runs from its first cell to its last, on a small log in place of MovieLens-100K."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.e2e.small_log import NUM_ITEMS, small_config, write_log

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "demo.ipynb"
CELL_SECONDS = 600


def _tagged(notebook: NotebookNode, tag: str) -> NotebookNode:
    (cell,) = (cell for cell in notebook.cells if tag in cell.metadata.get("tags", ()))
    return cell


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    folder = tmp_path_factory.mktemp("notebook")
    write_log(folder / "log.csv")
    items = [f"i{item},Item {item},{item % 3}" for item in range(NUM_ITEMS)]
    (folder / "items.csv").write_text("\n".join(["item_id,title,category", *items]) + "\n")
    files = {"path": "log.csv", "items_path": "items.csv", "max_bad_fraction": 0.1}
    quick = {"training": {"epochs": 5}, "model": {"diffusion": {"num_steps": 2}}, "export": {"indexes": []}}
    settings = small_config(folder / "log.csv", data=files, **quick)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    _tagged(notebook, "settings").source = f"import json\nconfig = {settings.model_dump(mode='json')!r}"
    for tag in ("download", "doctor"):  # the one needs a connection, the other has tests of its own
        notebook.cells.remove(_tagged(notebook, tag))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
        return client.execute()


def _outputs(notebook: NotebookNode, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def test_the_pictures_are_drawn(executed: NotebookNode) -> None:
    assert len(_outputs(executed, "image/png")) == 4  # events by item, accuracy, Figure 2, Figure 5


def test_the_model_is_shown_beside_the_floors(executed: NotebookNode) -> None:
    tables = _outputs(executed, "text/html")
    assert any(
        all(row in table for row in ("popularity", "sequential_rules", "dimerec", "NDCG@10")) for table in tables
    )


def test_a_user_gets_titles_from_the_server(executed: NotebookNode) -> None:
    (output,) = _tagged(executed, "answer").outputs
    assert output.data["text/html"].count("Item ") == 10


def test_it_is_stored_without_outputs() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not [cell for cell in stored["cells"] if cell.get("outputs") or cell.get("execution_count")]

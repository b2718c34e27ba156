"""Writes the dashboard: one HTML page for each view, and beside them all that they load."""

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from dimerec_tf.whole_files import write_text
from tfx_pipeline.dashboard import pages
from tfx_pipeline.dashboard.facets import facets_page
from tfx_pipeline.dashboard.policy import new_nonce, policy
from tfx_pipeline.dashboard.runs import read_runs
from tfx_pipeline.dashboard.statistics import all_splits

INDEX = "index.html"
# A page's file, title and template have one name.
NAVIGATION = {"index": "Overview", "slices": "Slices", "runs": "Runs", "data": "Data", "users": "Users"}
FACETS = "facets.html"  # within the page `data`
ASSETS = "assets"


def write_dashboard(metadata_path: Path, output: Path, titles: dict[str, str]) -> Path:
    """Reads a pipeline's runs and writes pages about them, which need neither server nor internet.

    Args:
        metadata_path: the runs' ML Metadata.
        output: the folder; what an earlier call wrote there is replaced.
        titles: of items by id, where they are known.

    Returns:
        The first page.

    Raises:
        NoRuns: no run came to an end.
        ConfigError: an export needs ScaNN, and it is not installed.
    """
    runs = read_runs(metadata_path)
    newest, previous = runs[-1], runs[-2] if len(runs) > 1 else None
    contents = {
        "index": pages.overview(newest),
        "slices": pages.slices(newest),
        "runs": pages.over_time(runs),
        "data": pages.data(newest, previous, titles),
        "users": pages.users(newest, titles),
    }
    output.mkdir(parents=True, exist_ok=True)
    _write_assets(output / ASSETS)
    nonce = new_nonce()
    templates = Environment(
        loader=PackageLoader("tfx_pipeline.dashboard"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.globals |= {"navigation": NAVIGATION, "assets": ASSETS, "nonce": nonce, "policy": policy(nonce)}
    for name, content in contents.items():
        text = templates.get_template(f"{name}.html.jinja").render(
            page=name, title=NAVIGATION[name], run=newest, **_complete(content)
        )
        write_text(output / f"{name}.html", text)
    splits = all_splits(newest.statistics, previous.statistics if previous else None)
    (output / FACETS).write_text(facets_page(splits, nonce), encoding="utf-8")
    return output / INDEX


def _complete(content: dict[str, Any]) -> dict[str, Any]:
    return {"data": {}, "figures": {}, **{name: value for name, value in content.items() if name != "run"}}


def _write_assets(folder: Path) -> None:
    """Our style and scripts, Plotly, and TFMA's web components as its package ships them."""
    folder.mkdir(exist_ok=True)
    for file in resources.files("tfx_pipeline.dashboard").joinpath("static").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    shutil.copyfile(Path(tfma.__file__).parent / "static" / "vulcanized_tfma.js", folder / "vulcanized_tfma.js")

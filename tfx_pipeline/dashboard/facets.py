"""TFDV's own view of statistics, Facets Overview, as a page that needs no internet.

TFDV has it loaded from two hosts. TensorBoard's What-If Tool ships the same component within a page of its own, of
which this one is all but the tool.
"""

import base64
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

SCRIPT = "wit_tb_bin.js"
_FOLDER = resources.files("tensorboard_plugin_wit").joinpath("static")
_TOOL = "<wit-dashboard></wit-dashboard>"
_FONTS = re.compile(r"@font-face\s*\{[^}]*\}")  # of TensorBoard's server
# The page lacks the template of one element, which Polymer does not forgive.
_TEMPLATE = '<dom-module id="facets-overview-filter-validator"><template></template></dom-module>'


def facets_page(statistics: Mapping[str, DatasetFeatureStatisticsList], assets: str) -> str:
    """The page about statistics by the name that each is shown under; its script is in a folder beside it."""
    shown = DatasetFeatureStatisticsList()
    for name, each in statistics.items():
        shown.datasets.add().CopyFrom(each.datasets[0])
        shown.datasets[-1].name = name
    content = base64.b64encode(shown.SerializeToString()).decode()
    page = _FONTS.sub("", _FOLDER.joinpath("wit_tb_bin.html").read_text(encoding="utf-8"))
    page = page.replace(_TOOL, f'{_TEMPLATE}<facets-overview proto-input="{content}"></facets-overview>')
    return page.replace(f'src="{SCRIPT}"', f'src="{assets}/{SCRIPT}"')


def write_script(folder: Path) -> None:
    """Puts the script into a folder."""
    (folder / SCRIPT).write_bytes(_FOLDER.joinpath(SCRIPT).read_bytes())

"""TFDV's own view of statistics, Facets Overview, as a page that needs no internet.

TFDV has it loaded from two hosts. TensorBoard's What-If Tool ships the same component within a page of its own, of
which this one is all but the tool. The script is within the page: the frame that shows it is a sandbox, and those may
not load files.
"""

import base64
import re
from collections.abc import Mapping
from importlib import resources

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_pipeline.dashboard.policy import policy

_SCRIPT = "wit_tb_bin.js"
_HEAD = "<!doctype html>"
_FOLDER = resources.files("tensorboard_plugin_wit").joinpath("static")
_TOOL = "<wit-dashboard></wit-dashboard>"
_FONTS = re.compile(r"@font-face\s*\{[^}]*\}")  # of TensorBoard's server
# The page lacks the template of one element, which Polymer does not forgive.
_TEMPLATE = '<dom-module id="facets-overview-filter-validator"><template></template></dom-module>'


def facets_page(statistics: Mapping[str, DatasetFeatureStatisticsList], nonce: str) -> str:
    """The page about statistics by the name that each is shown under; the nonce is that of its policy."""
    shown = DatasetFeatureStatisticsList()
    for name, each in statistics.items():
        shown.datasets.add().CopyFrom(each.datasets[0])
        shown.datasets[-1].name = name
    content = base64.b64encode(shown.SerializeToString()).decode()
    page = _FONTS.sub("", _read("wit_tb_bin.html"))
    for old, new in {
        _HEAD: f'{_HEAD}<meta http-equiv="Content-Security-Policy" content="{policy(nonce)}">',
        _TOOL: f'{_TEMPLATE}<facets-overview proto-input="{content}"></facets-overview>',
        f'<script src="{_SCRIPT}">': f'<script nonce="{nonce}">{_read(_SCRIPT)}',
    }.items():
        page = page.replace(old, new)
    return page


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")

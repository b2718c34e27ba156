"""A real export for the tests that the toy does not do for."""

from pathlib import Path

import numpy as np

from dimerec_tf.config import parse_config
from dimerec_tf.export.save import save_exact
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer

NUM_ITEMS = 300


def category_of(row: int) -> str:
    return "ABC"[row % 3]


def save_export(root: Path) -> Path:
    """The directory of versions, below `root`, with an untrained model as version 1; its items have categories."""
    items, vocabulary = root / "items.csv", root / "items.txt"
    lines = [f"item-{row},{category_of(row)}\n" for row in range(1, NUM_ITEMS + 1)]
    items.write_text("item_id,category\n" + "".join(lines))
    config = parse_config(
        {"data": {"items_path": str(items)}, "model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}}}
    )
    vocabulary.write_text("".join(f"item-{row}\n" for row in range(1, NUM_ITEMS + 1)))
    scorer = ModelScorer(DimeRec(config.model, np.ones(NUM_ITEMS + 1, np.int64), seed=1))
    (root / "versions").mkdir()
    save_exact(scorer, vocabulary, config, root / "versions" / "1")
    return root / "versions"

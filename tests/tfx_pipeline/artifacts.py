"""What other steps would have written."""

from pathlib import Path

import tensorflow as tf
from tfx.types.standard_artifacts import Examples

from tests.export.served import example


def write_examples(root: Path, splits: dict[str, dict[str, list[str]]]) -> Examples:
    """ExampleGen's output, from sequences by user and split; the last item of each is its target."""
    for split, sequences in splits.items():
        (root / f"Split-{split}").mkdir()
        with tf.io.TFRecordWriter(str(root / f"Split-{split}" / "data.gz"), "GZIP") as writer:
            for user, (*history, target) in sequences.items():
                writer.write(example(user_id=[user], history_item_ids=history, target_item_id=[target]))
    examples = Examples()
    examples.uri = str(root)
    return examples

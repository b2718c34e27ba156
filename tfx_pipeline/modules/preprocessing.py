"""Transform: builds the item vocabulary from the training split and encodes that split with it."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from dimerec_tf.features import HISTORY, TARGET, known_rows, row_table

VOCABULARY = "items"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Encodes ids as rows.

    Args:
        inputs: `history_item_ids` ragged string `[batch, (events)]`, `target_item_id` and `user_id` string `[batch]`.
        custom_config: `min_item_count`, how often an item must appear in training to be in the catalogue.

    Returns:
        `history` ragged int64 `[batch, (known events)]`; `target` int64 `[batch]`, 0 for an unknown item; `user_id`.
    """
    history, target = inputs[HISTORY], inputs[TARGET]
    vocabulary = tft.vocabulary(
        tf.concat([history.flat_values, target], axis=0),
        frequency_threshold=int(custom_config["min_item_count"]),
        vocab_filename=VOCABULARY,
    )

    def encode(ids: Any) -> Any:
        def look_up(values: Any, file: tf.Tensor) -> tuple[Any, tf.Tensor]:
            table = row_table(file)
            return known_rows(values, table), table.size()

        return tft.apply_vocabulary(ids, vocabulary, lookup_fn=look_up)

    return {
        "history": encode(history),
        "target": encode(target[:, tf.newaxis]).to_tensor(shape=[None, 1])[:, 0],
        "user_id": inputs["user_id"],
    }

"""Training that goes on from a previous model."""

from typing import Annotated, Literal

from pydantic import Field

from dimerec_tf.config_base import PositiveInt, Section


class WarmStartConfig(Section):
    """Starts training at a previous model's weights, item vectors matched by item id.

    `previous` is the directory of an export. Left out, a pipeline takes its last blessed model, and trains as
    `training` says while it has none. `epochs` and `learning_rate` take the place of those of `training` when there
    is a previous model. `new_items` says where an item starts that it does not know: at the mean vector of the known
    items that it occurs with (`cooccurring`), or where it would in a training from scratch with random vectors.
    """

    previous: str | None = None
    epochs: PositiveInt = 2
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    new_items: Literal["cooccurring", "random"] = "cooccurring"

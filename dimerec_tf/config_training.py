"""How a model is trained."""

from typing import Annotated, Literal

from pydantic import Field

from dimerec_tf.config_base import PositiveInt, Section


class ValidationConfig(Section):
    """Validation within a training: HR@10 of `users` of the validation split (all, if there are fewer), always the same
    ones, after every `every_epochs` epochs.

    The weights of the best epoch are kept, and `patience` validations without a gain end the training. Seen items are
    left out or not as `evaluation.filter_seen` says.
    """

    every_epochs: PositiveInt = 1
    users: PositiveInt = 2000
    patience: PositiveInt = 3


StrategyName = Literal["one_device", "mirrored", "multi_worker", "parameter_server"]
CLUSTERED = ("multi_worker", "parameter_server")  # by several processes, which TF_CONFIG names


class TrainingConfig(Section):
    """`batch_size` counts training windows; every position of a window is a training target. `strategy` says which
    devices share a batch, see `training/strategy.py`. `learning_rate` is Adam's at the first step; it falls to 0 by a
    cosine. `deterministic` gives the same weights for the same seed, bit for bit.

    Left out, it and `epochs` follow from the size of the log, see `training/length.py`. The state of a training is kept
    after each epoch and, within one, when it is `checkpoint_minutes` old. Without a `validation` the last epoch's
    weights are the result. With `lazy_items` a step moves only the item vectors that it reads, so that its cost does
    not grow with the catalogue; left out, that is so from 100,000 items on. With `mixed_precision` layers compute in
    bfloat16 while a model is trained; weights, losses and the walk stay float32. With `jit_compile` XLA compiles the
    steps, each batch padded to one of four shapes; for DimeRec itself.
    """

    epochs: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    deterministic: bool = True
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    strategy: StrategyName = "one_device"
    validation: ValidationConfig | None = None
    lazy_items: bool | None = None
    mixed_precision: bool = False
    jit_compile: bool = False


SWITCHES = ("strategy", "validation", "lazy_items", "mixed_precision", "jit_compile")

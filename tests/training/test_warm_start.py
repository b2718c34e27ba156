"""A warm start: vectors by item id, new items against plain loops, and what does not fit."""

from typing import Any

import numpy as np
import pytest

from dimerec_tf.config import Config, ConfigError, parse_config
from dimerec_tf.export.load import LoadedModel
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.warm_start import WarmStart, WarmStartRefused, extended_catalogue, shortened

FORMER_IDS = ["a", "b", "c", "d"]
IDS = ["new", "c", "a", "lonely", "b", "newer", "d"]
NEW, NEWER, LONELY = 1, 6, 4
# Rows of IDS: "new" beside c, a and itself, "newer" beside "new" alone within 10 events, "lonely" alone.
LISTS = [[2, 1, 3, 1], [5, 1, 2], [1, 6], [4]]


def _config(new_items: str = "cooccurring", **model: Any) -> Config:
    model = {"kind": "sasrec", "dim": 4, "max_history": 6, **model}
    training = {"epochs": 9, "batch_size": 2}
    warm_start = {"new_items": new_items, "epochs": 1, "learning_rate": 1e-12}
    return parse_config({"model": model, "training": training, "warm_start": warm_start})


def _model(config: Config, num_items: int, fill: float) -> SequenceModel:
    """With weights that are all different, in the order of their places."""
    model = build_model(config.model, np.ones(num_items + 1, np.int64), config.seed)
    model.set_weights([fill + np.arange(weight.size).reshape(weight.shape) for weight in model.get_weights()])
    return model


def _started(new_items: str, **model: Any) -> tuple[LoadedModel, SequenceModel, np.ndarray]:
    """The previous model, the new one after its start, and its item vectors before."""
    config = _config(new_items, **model)
    previous = LoadedModel(_model(config, len(FORMER_IDS), 0.5), config.model, FORMER_IDS)
    model = _model(config, len(IDS), 1000.0)
    own = model.items.table.numpy()
    WarmStart(previous, config, IDS)(model, Sequences.from_lists(LISTS))
    return previous, model, own


@pytest.mark.parametrize("kind", ["dimerec", "sasrec", "gru4rec", "comirec", "mind", "dreamrec", "diffurec"])
def test_known_items_keep_their_vectors_and_all_other_weights_stay(kind: str) -> None:
    previous, model, _ = _started("cooccurring", kind=kind)
    former, present = previous.model.items.table.numpy(), model.items.table.numpy()
    for row, item in enumerate(IDS, start=1):
        if item in FORMER_IDS:
            np.testing.assert_array_equal(present[row], former[FORMER_IDS.index(item) + 1])
    for weight, expected in zip(model.weights, previous.model.get_weights(), strict=True):
        if weight is not model.items.table:
            np.testing.assert_array_equal(weight.numpy(), expected)


def test_new_items_start_at_the_mean_of_the_known_ones_they_occur_with() -> None:
    _, model, own = _started("cooccurring")
    table = model.items.table.numpy()
    weights: dict[int, float] = {}
    for sequence in LISTS:
        for place, row in enumerate(sequence):
            for other_place, other in enumerate(sequence):
                if row == NEW and IDS[other - 1] in FORMER_IDS:
                    weights[other] = weights.get(other, 0) + 1 / abs(place - other_place)
    mean = sum(weight * table[row].astype(np.float64) for row, weight in weights.items()) / sum(weights.values())
    np.testing.assert_allclose(table[NEW], mean, rtol=1e-6)
    np.testing.assert_array_equal(table[[LONELY, NEWER]], own[[LONELY, NEWER]])


def test_new_items_may_start_at_random() -> None:
    _, model, own = _started("random")
    np.testing.assert_array_equal(model.items.table.numpy()[[NEW, LONELY, NEWER]], own[[NEW, LONELY, NEWER]])


def test_training_starts_there_and_is_as_long_as_the_warm_start_says() -> None:
    """With a learning rate that moves nothing, the trained weights are the start's."""
    config = _config(kind="comirec")
    previous = LoadedModel(_model(config, len(FORMER_IDS), 0.5), config.model, FORMER_IDS)
    trained = fit(shortened(config), Sequences.from_lists(LISTS), len(IDS), start=WarmStart(previous, config, IDS))
    _, expected, _ = _started("cooccurring", kind="comirec")
    table = trained.items.table.numpy()
    known = [NEW, *(row for row, item in enumerate(IDS, start=1) if item in FORMER_IDS)]
    np.testing.assert_allclose(table[known], expected.items.table.numpy()[known], rtol=1e-5)
    steps = 2  # three windows, batches of two, one epoch
    assert int(trained.steps_trained) == steps


def test_what_no_longer_occurs_stays_behind_the_catalogue() -> None:
    assert extended_catalogue(["x", "c", "a"], FORMER_IDS) == ["x", "c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 8}, r"this one: model\.dim is 4 there and 8 here\. Configure"),
        (
            {"blocks": 1, "dropout": 0.1},
            r"model\.dropout is 0\.2 there and 0\.1 here, model\.blocks is 2 there and 1 here",
        ),
        ({"kind": "gru4rec"}, r"this one: model\.kind is sasrec there and gru4rec here\. Configure"),
    ],
)
def test_another_architecture_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    former, config = _config(), _config(**change)
    previous = LoadedModel(_model(former, len(FORMER_IDS), 0.5), former.model, FORMER_IDS)
    with pytest.raises(WarmStartRefused, match=message):
        WarmStart(previous, config, IDS)(_model(config, len(IDS), 0.0), Sequences.from_lists(LISTS))


def test_a_previous_model_without_item_vectors_is_refused() -> None:
    former = parse_config({"model": {"kind": "mult_vae", "dim": 4}})
    previous = LoadedModel(_model(former, len(FORMER_IDS), 0.5), former.model, FORMER_IDS)
    with pytest.raises(WarmStartRefused, match=r"model\.kind is mult_vae there and sasrec here"):
        WarmStart(previous, _config(), IDS)(_model(_config(), len(IDS), 0.0), Sequences.from_lists(LISTS))


def test_settings_without_an_effect_on_weights_may_change() -> None:
    former, config = _config(), _config(dropout=0.7)
    previous = LoadedModel(_model(former, len(FORMER_IDS), 0.5), former.model, FORMER_IDS)
    model = _model(config, len(IDS), 0.0)
    WarmStart(previous, config, IDS)(model, Sequences.from_lists(LISTS))
    np.testing.assert_array_equal(model.items.table.numpy()[3], previous.model.items.table.numpy()[1])


def test_a_model_without_item_vectors_has_no_warm_start() -> None:
    with pytest.raises(ConfigError, match="warm_start matches item vectors, which mult_vae has not: take it out"):
        _config(kind="mult_vae")


def test_a_validation_that_a_warm_start_is_too_short_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="every_epochs is 3, more than warm_start"):
        parse_config({"training": {"validation": {"every_epochs": 3}}, "warm_start": {"epochs": 2}})

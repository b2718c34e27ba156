import numpy as np
import pytest

from tests.baselines.checks import FULL, WINDOWS, build, check_model, cross_entropy, cut_to_last, ring_hits

SMALL = {"hidden": 5, "negatives": FULL}


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _plain_states(events: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """The GRU's states, one after the other; gates in the order update, reset, candidate."""
    state, states = np.zeros(recurrent.shape[0]), []
    for event in events:
        read, kept = np.split(event @ kernel + bias[0], 3), np.split(state @ recurrent + bias[1], 3)
        update, reset = _sigmoid(read[0] + kept[0]), _sigmoid(read[1] + kept[1])
        state = update * state + (1 - update) * np.tanh(read[2] + reset * kept[2])
        states.append(state)
    return states


def test_the_loss_equals_plain_numpy() -> None:
    model = build("gru4rec", temperature=0.5, **SMALL)
    table, items = model.items.table.numpy(), model.item_vectors().numpy()
    kernel, bias = (weight.numpy() for weight in model.to_items.weights)
    losses = []
    for window in WINDOWS.numpy():
        events = window[window > 0]
        states = _plain_states(table[events[:-1]], *(weight.numpy() for weight in model.recurrent[0].weights))
        for state, target in zip(states, events[1:], strict=True):
            losses.append(cross_entropy((state @ kernel + bias) / 0.5, items, target))
    assert model.compute_loss(WINDOWS).numpy() == pytest.approx(np.mean(losses), rel=1e-5)


def test_checks() -> None:
    check_model("gru4rec", hidden=5, layers=2, dropout=0.2)


def test_only_the_last_events_count() -> None:
    assert cut_to_last(build("gru4rec", **SMALL), 6) and not cut_to_last(build("gru4rec", **SMALL), 5)


def test_it_learns_a_simple_order() -> None:
    assert ring_hits("gru4rec", epochs=15, hidden=16) > 0.8

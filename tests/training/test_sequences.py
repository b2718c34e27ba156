import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimerec_tf.errors import DimeRecError
from dimerec_tf.training.sequences import NothingToLearn, Sequences, TrainingBatches, window_bounds

LENGTHS = st.lists(st.integers(0, 17), min_size=1, max_size=8)


def _numbered(lengths: list[int]) -> Sequences:
    numbers = iter(range(1, sum(lengths) + 1))
    return Sequences.from_lists([[next(numbers) for _ in range(length)] for length in lengths])


@given(LENGTHS, st.integers(1, 6))
def test_every_event_but_a_sequences_first_is_the_target_of_exactly_one_window(
    lengths: list[int], history: int
) -> None:
    sequences = _numbered(lengths)
    targets = [
        event for start, end in window_bounds(sequences, history) for event in sequences.rows[start + 1 : end].tolist()
    ]
    firsts = {int(sequences[i][0]) for i in range(len(sequences)) if len(sequences[i])}
    assert sorted(targets) == sorted(set(sequences.rows.tolist()) - firsts)


@given(LENGTHS, st.integers(1, 6))
def test_windows_stay_within_one_sequence_and_within_their_length(lengths: list[int], history: int) -> None:
    sequences = _numbered(lengths)
    for start, end in window_bounds(sequences, history):
        assert 2 <= end - start <= history + 1
        owner = np.searchsorted(sequences.splits, start, side="right") - 1
        assert end <= sequences.splits[owner + 1]


def _epochs(first: int, stop: int, seed: int = 5) -> list[np.ndarray]:
    sequences = _numbered([9, 2, 14, 1, 6])
    batches = TrainingBatches(sequences, window_bounds(sequences, max_history=4), batch_size=3, seed=seed)
    found = [batch.numpy() for batch in batches.between(first * batches.steps, stop * batches.steps)]
    assert len(found) == batches.steps * (stop - first)
    return found


def test_an_epoch_holds_every_window_once_and_its_own_order() -> None:
    first, second = (
        np.concatenate([np.pad(batch, [(0, 0), (0, 5 - batch.shape[1])]) for batch in _epochs(epoch, epoch + 1)])
        for epoch in (0, 1)
    )
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.unique(first, axis=0), np.unique(second, axis=0))
    assert np.count_nonzero(first[:, 1:]) == 8 + 1 + 13 + 0 + 5


def test_windows_of_like_length_share_a_batch_and_padding_is_left_out() -> None:
    rng = np.random.default_rng(0)
    sequences = _numbered(rng.integers(2, 40, 600).tolist())
    training = TrainingBatches(sequences, window_bounds(sequences, 50), batch_size=8, seed=1)
    batches = [batch.numpy() for batch in training.between(0, training.steps)]
    assert np.mean([np.count_nonzero(batch) / batch.size for batch in batches]) > 0.9
    assert len({batch.shape[1] for batch in batches[:10]}) > 3, "long and short batches come in turn"


def test_a_later_epoch_is_the_same_whether_training_started_there_or_before() -> None:
    whole, resumed = _epochs(0, 3), _epochs(2, 3)
    for expected, batch in zip(whole[-len(resumed) :], resumed, strict=True):
        np.testing.assert_array_equal(expected, batch)


def test_a_step_has_its_batch_wherever_training_began() -> None:
    sequences = _numbered([9, 2, 14, 1, 6])
    batches = TrainingBatches(sequences, window_bounds(sequences, max_history=4), batch_size=3, seed=5)
    whole = [batch.numpy() for batch in batches.between(0, 3 * batches.steps)]
    first = batches.steps + 1
    resumed = [batch.numpy() for batch in batches.between(first, 3 * batches.steps)]
    assert len(resumed) == 2 * batches.steps - 1 and batches.steps > 2
    for step, batch in enumerate(resumed, start=first):
        np.testing.assert_array_equal(batch, whole[step])
        for (start, end), window in zip(batches.bounds_at(step), batch, strict=True):
            np.testing.assert_array_equal(window[window > 0], sequences.rows[start:end])


def test_nothing_to_learn_is_said() -> None:
    assert issubclass(NothingToLearn, DimeRecError)
    sequences = Sequences.from_lists([[1], []])
    with pytest.raises(NothingToLearn, match="None of the 2 training sequences has two events"):
        TrainingBatches(sequences, window_bounds(sequences, 4), 3, 0)


def test_few_shapes_hold_the_same_windows_in_the_same_batches() -> None:
    rng = np.random.default_rng(0)
    sequences = _numbered(rng.integers(2, 40, 101).tolist())
    bounds = window_bounds(sequences, 30)
    plain, few = (TrainingBatches(sequences, bounds, 8, 1, few_shapes) for few_shapes in (False, True))
    assert plain.steps == few.steps and few.steps * 8 > len(bounds)
    widths = set()
    for step, (ragged, padded) in enumerate(zip(plain.between(0, 9), few.between(0, 9), strict=True)):
        assert padded.shape[0] == 8 and padded.shape[1] <= 31
        widths.add(padded.shape[1])
        same = padded[: ragged.shape[0], : ragged.shape[1]]
        np.testing.assert_array_equal(same, ragged)
        assert np.count_nonzero(padded) == np.count_nonzero(ragged)
        np.testing.assert_array_equal(few.bounds_at(step), plain.bounds_at(step))
    assert len(widths) <= 4

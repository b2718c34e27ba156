"""What people read about a log."""

import pytest

from dimerec_tf.data.rejects import Summary, TooManyBadRows


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary(1234, {}), "1,234 events"),
        (Summary(72, {}, repeats_kept=24), "72 events; 24 of them with the user, item and time of another"),
        (Summary(5, {"unparsable time": 2, "exact duplicate": 1}), "set aside: 1 exact duplicate, 2 unparsable time"),
        (Summary(5, {}, 1, 7), "5 events; cut off: 7 of 1 users beyond data.max_user_events"),
    ],
)
def test_a_summary_is_said(summary, text):
    assert text in summary.sentence() and Summary.from_json(summary.to_json()) == summary


@pytest.mark.parametrize(("reason", "way"), [("exact duplicate", True), ("unparsable time", False)])
def test_too_many_duplicates_name_the_way_on(reason, way):
    with pytest.raises(TooManyBadRows) as refused:
        Summary(2, {reason: 1}).check(0.01, None)
    assert ("data.repeats: keep" in str(refused.value)) == way

"""SequenceExampleGen refuses what the plain path refuses, in the same words, whoever reads which file."""

import pytest

from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.data.splits import load_splits
from tests.data.incomparable import INCOMPARABLE, texts
from tests.tfx_pipeline.test_sequence_example_gen import run

SPLITS = [SplitConfig(), SplitConfig(kind="global_time")]


@pytest.mark.parametrize("case", INCOMPARABLE.values(), ids=INCOMPARABLE)
@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.kind)
def test_both_paths_say_the_same(tmp_path, case, split):
    folder = tmp_path / "log"
    folder.mkdir()
    case.write(folder)
    data = DataConfig(path=str(folder), split=split, max_user_events=1)
    with pytest.raises(LogError) as plain:
        load_splits(data)
    with pytest.raises(LogError) as piped:
        run(data, tmp_path / "out")
    assert str(piped.value) == str(plain.value) == case.said.format(folder)


def test_spans_are_compared_with_one_another(tmp_path):
    for span, unit in ((1, 1), (2, 1000)):
        (tmp_path / f"span-{span}").mkdir()
        texts(day=[str((1_700_000_000 + span * 86400 + n) * unit) for n in range(5)])(tmp_path / f"span-{span}")
    with pytest.raises(LogError, match=r"span-1/day\.csv has seconds .*span-2/day\.csv has milliseconds since 1970"):
        run(DataConfig(path=f"{tmp_path}/span-{{SPAN}}", window=2), tmp_path / "out")


NANOSECOND = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    "as_text", [str, lambda time: f"2026-01-03T12:00:00.{time % 10**9:09}Z"], ids=["number", "ISO"]
)
def test_neighbouring_nanoseconds_keep_their_order_and_split(tmp_path, as_text):
    """Rounded to 64-bit floats all would be one time, in the order of the file."""
    folder = tmp_path / "log"
    folder.mkdir()
    rows = [f"u{user},i{n},{as_text(NANOSECOND + n)}\n" for user in range(3) for n in reversed(range(10))]
    (folder / "a.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    split = SplitConfig(kind="global_time", eval_from=0.6, test_from=0.8)
    if as_text is str:
        split = SplitConfig(kind="global_time", eval_from=NANOSECOND + 6, test_from=NANOSECOND + 8)
    data = DataConfig(path=str(folder), split=split)
    output, plain = run(data, tmp_path / "out"), load_splits(data)
    for name, length in (("train", 6), ("eval", 7), ("test", 9)):
        expected = [f"i{n}" for n in range(length)]
        for examples in (output.split(name), getattr(plain, name)):
            assert [[*example.history, *example.targets] for example in examples] == [expected] * 3


@pytest.mark.parametrize("repeats", ["keep", "drop"])
def test_repeats_at_day_grain(tmp_path, repeats):
    """A shop whose times are days: a third of the rows repeat another."""
    days = [f"2026-01-{day:02}" for day in range(1, 7)]
    rows = [f"c{c},{item},{day}\n" for c in range(4) for n, day in enumerate(days) for item in ("milk", *[f"p{n}"] * 2)]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    data = DataConfig(path=str(tmp_path / "log.csv"), repeats=repeats, max_bad_fraction=0.4)
    output, plain = run(data, tmp_path / "out"), load_splits(data, tmp_path / "memory")
    last_day = ["milk", "p5", "p5"] if repeats == "keep" else ["milk", "p5"]
    for examples in (output.split("test"), plain.test):
        assert len(examples) == 4
        for example in examples:
            events = [*example.history, *example.targets]
            assert events[-len(last_day) :] == last_day and len(events) == 6 * len(last_day)
    summary = plain.summary
    assert (summary.kept, summary.repeats_kept) == ((72, 24) if repeats == "keep" else (48, 0))
    assert dict(summary.rejected) == ({} if repeats == "keep" else {"exact duplicate": 24})
    assert (output.rejected / "summary.json").read_text() == (tmp_path / "memory" / "summary.json").read_text()
    assert (output.rejected / "rejected.jsonl").read_text() == (tmp_path / "memory" / "rejected.jsonl").read_text()

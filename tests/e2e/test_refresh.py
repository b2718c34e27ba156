"""A pushed model's items change without a training."""

import shutil
from pathlib import Path

import pytest

from dimerec_tf.cli import main
from tests.e2e.small_log import NUM_ITEMS, Run
from tests.e2e.test_pipeline import EXPORTS
from tests.export.served import Served


def test_the_command_pushes_the_newest_version_without_the_withdrawn_and_with_the_new(
    first: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(first.workdir / "serving", tmp_path / "serving")  # others push to the first one
    newest = max(int(entry.name) for entry in (tmp_path / "serving" / "dimerec").iterdir())
    (tmp_path / "config.yaml").write_text(first.config.to_yaml())
    (tmp_path / "gone.txt").write_text("i4\ni5\nnever-seen\n")
    (tmp_path / "new.jsonl").write_text('{"item_id": "i-new", "cooccurring": ["i4"]}\n')
    files = ["--withdraw", str(tmp_path / "gone.txt"), "--add", str(tmp_path / "new.jsonl")]
    places = ["--config", str(tmp_path / "config.yaml"), "--workdir", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["dimerec", "pipeline", "refresh", *places, *files])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert f"Pushed as version {newest + 1} to " in printed
    assert f"1 items new, 2 withdrawn, 1 to withdraw that the model does not know; {NUM_ITEMS - 1} can be" in printed
    for export in EXPORTS:
        model = Served(tmp_path / "serving" / export / str(newest + 1))
        answer = model.run(history_item_ids=[["i2", "i3"]], k=[20])["item_ids"][0].tolist()
        model.session.close()
        assert b"i-new" in answer[:5] and not {b"i4", b"i5"} & set(answer), "after i3 comes i4, which i-new resembles"

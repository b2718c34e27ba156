"""`dimerec dashboard` where there is nothing to show."""

from pathlib import Path

import pytest

from dimerec_tf.cli import main


def test_without_a_run_one_sentence_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--workdir", str(tmp_path / "work"), "--output", str(tmp_path / "pages")]
    monkeypatch.setattr("sys.argv", ["dimerec", "dashboard", *folders])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 1
    assert "work/metadata.sqlite: name the --workdir of `dimerec pipeline run`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

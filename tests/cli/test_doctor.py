"""`dimerec doctor`: what it finds on this machine, and on machines that lack something."""

import json
import socket

import pytest
import tensorflow as tf
from packaging.requirements import Requirement
from typer.testing import CliRunner

from dimerec_tf.cli import checks
from dimerec_tf.cli.checks import GIBIBYTE, State
from dimerec_tf.cli.main import app
from dimerec_tf.retrieval import scann


def test_nothing_is_broken_where_the_tests_run() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 0 and not [each for each in findings.values() if each["state"] == "broken"]
    assert all(findings[check]["state"] == "ok" for check in ("Python", "packages", "Keras mode", "ScaNN op"))
    assert findings["Keras mode"]["found"] == f"TensorFlow {tf.__version__} with tf_keras"
    assert {"memory", "port 8500", "port 8501", "packages for pipeline and demo"} <= set(findings)


def test_what_is_broken_is_shown_with_what_to_do_and_ends_with_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks_its_library(*_: object, **__: object) -> None:
        raise ImportError("undefined symbol [x]")

    monkeypatch.setattr(scann, "ScannIndex", lacks_its_library)
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 3
    assert "does not load: undefined symbol [x]" in result.stdout
    assert "ScaNN op: ScaNN is built for one TensorFlow: install the version" in result.stdout


def test_another_python_is_broken() -> None:
    assert checks.check_python((3, 10, 4)).state is State.OK
    finding = checks.check_python((3, 12, 1))
    assert (finding.state, finding.found) == (State.BROKEN, "3.12.1") and "Python 3.10" in finding.hint


def test_a_package_that_all_commands_need_must_be_there_in_a_fitting_version() -> None:
    fitting, newer, absent = (Requirement(text) for text in ("numpy>=1", "tensorflow==2.99", "no-such-package>=1.5"))
    assert checks.check_packages([fitting]).state is State.OK
    finding = checks.check_packages([fitting, newer, absent])
    assert finding.state is State.BROKEN
    assert finding.found == f"no no-such-package, tensorflow {tf.__version__} instead of ==2.99"
    assert finding.hint == "pip install 'no-such-package>=1.5' 'tensorflow==2.99'"


def test_a_package_that_some_commands_need_may_be_missing_but_not_of_another_version() -> None:
    absent, newer = Requirement("no-such-package"), Requirement("scann==9.0")
    finding = checks.check_extra("figures", [absent])
    assert (finding.check, finding.state) == ("packages for figures", State.NOTE)
    assert finding.hint == "For them: pip install 'no-such-package'"
    assert checks.check_extra("scann", [newer]).state is State.BROKEN


def test_keras_3_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.keras.layers, "Layer", type("Layer", (), {"__module__": "keras.src.layers"}))
    finding = checks.check_keras()
    assert finding.state is State.BROKEN and finding.found.endswith("with keras")
    assert "TF_USE_LEGACY_KERAS=1" in finding.hint


def test_scann_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    finding = checks.check_scann()
    assert finding.state is State.NOTE and "export.indexes: [ivf]" in finding.hint


def test_little_memory_is_noted() -> None:
    assert checks.check_memory(5 * GIBIBYTE).state is State.OK
    finding = checks.check_memory(3 * GIBIBYTE // 2)
    assert (finding.state, finding.found) == (State.NOTE, "1.5 GB available")


def test_a_port_in_use_is_noted_with_the_option_for_another() -> None:
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        finding = checks.check_port(listener.getsockname()[1], "--port")
    assert finding.state is State.NOTE and finding.hint == "Serve on another: dimerec serve --port N"
    assert checks.check_port(0, "--port").state is State.OK

"""An audit that could not take place is not a good one."""

import json
import runpy

import pytest

AUDIT = runpy.run_path("scripts/audit.py")
GOOD = {"name": "a", "version": "1", "vulns": []}
FAULTY = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([GOOD], 0, ["1 of 1 packages audited, 0 known faults."]),
        ([GOOD, FAULTY], 1, ["FAULT: b 2: PYSEC-1 (CVE-1), mended in 3", "2 of 2 packages audited, 1 known faults."]),
        ([GOOD, SKIPPED], 69, ["NOT AUDITED: c: not found", "1 of 2 packages audited, 0 known faults."]),
        ([], 69, ["0 of 0 packages audited, 0 known faults."]),
    ],
)
def test_the_status_says_whether_faults_are_known_of_all_packages(packages: list, status: int, said: list) -> None:
    assert AUDIT["verdict"](json.dumps({"dependencies": packages}), "") == (status, said)


def test_a_database_that_cannot_be_reached_is_said() -> None:
    status, (line,) = AUDIT["verdict"]("", "Traceback\nConnectionError: no route\n")
    assert status == 69 and line.startswith("NOT AUDITED") and line.endswith("ConnectionError: no route")


@pytest.mark.parametrize(
    ("answer", "status", "last"),
    [
        (
            {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 4}}},
            0,
            "4 packages audited, 0 with known faults.",
        ),
        (
            {"vulnerabilities": {"x": {}}, "metadata": {"dependencies": {"total": 4}}},
            1,
            "4 packages audited, 1 with known faults.",
        ),
        (
            {"message": "no", "error": {}},
            69,
            'NOT AUDITED: the npm registry could not be asked. {"message": "no", "error": {}}',
        ),
    ],
)
def test_so_it_is_with_npm(answer: dict, status: int, last: str) -> None:
    found, said = AUDIT["npm_verdict"](json.dumps(answer))
    assert (found, said[-1]) == (status, last)

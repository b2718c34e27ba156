"""`dimerec doctor`: whether this machine has what the commands need, and what to do if not."""

from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from dimerec_tf.cli.output import AsJson
from dimerec_tf.errors import VERDICT_IS_NO
from dimerec_tf.terminal import console, print_json, say, working

COLOURS = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Checks Python, packages, Keras mode, ScaNN's op, memory and ports, and says what to do.

    Ends with status 3 if something is broken. A note is no failure: it says what some commands would miss.

    Example: dimerec doctor

    Example: dimerec doctor --json
    """
    from dimerec_tf.cli.checks import Finding, State, check_all

    findings: list[Finding] = []
    with working("Looking at Python and its packages") as status:
        for finding in check_all():
            findings.append(finding)
            status.update(f"{finding.check}: {finding.state.value}")
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table("check", "", "found")
        for finding in findings:
            state = finding.state.value
            table.add_row(finding.check, Text(state, COLOURS[state]), finding.found)
        console.print(table)
        for finding in findings:
            if finding.hint:
                say(f"{finding.check}: {finding.hint}")
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(VERDICT_IS_NO)

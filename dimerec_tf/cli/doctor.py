"""`dimerec doctor`: whether this machine has what the commands need, and what to do if not."""

import json
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from dimerec_tf.cli.output import AsJson, console, working
from dimerec_tf.errors import VERDICT_IS_NO

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
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table("check", "", "found")
        for finding in findings:
            state = finding.state.value
            table.add_row(finding.check, f"[{COLOURS[state]}]{state}[/]", escape(finding.found))
        console.print(table)
        for finding in findings:
            if finding.hint:
                console.print(f"{finding.check}: {escape(finding.hint)}", highlight=False, soft_wrap=True)
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(VERDICT_IS_NO)

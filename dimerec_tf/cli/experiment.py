"""`dimerec experiment`: who sees what, how long it must run, and what came of it."""

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dimerec_tf.cli.output import AsJson
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.errors import DimeRecError
from dimerec_tf.terminal import console, print_json, say, say_plainly

if TYPE_CHECKING:
    from serving.experiments.difference import Difference
    from serving.experiments.report import Report

app = typer.Typer(help="A/B experiments: assign users, plan sample sizes, report results.", no_args_is_help=True)

Buckets = Annotated[
    list[str], typer.Option("--bucket", metavar="NAME=WEIGHT", help="A bucket and its weight; the control comes first.")
]


class UnitName(str, Enum):
    """What was assigned to buckets, and what clicks are joined by."""

    USER = "user_id"
    REQUEST = "request_id"


@app.command()
def bucket(
    users: Annotated[list[str], typer.Argument(help="User ids; '-' reads one on each line of standard input.")],
    salt: Annotated[str, typer.Option(help="Name of the experiment: another salt makes an independent split.")],
    buckets: Buckets,
    as_json: AsJson = False,
) -> None:
    """Says which bucket each user belongs to.

    Nothing is stored: the bucket is a hash of salt and user id, so every service that asks gets the same answer, today
    and tomorrow. The share of the treatment may grow during an experiment of two buckets without moving those who are
    in it already.

    Example: dimerec experiment bucket --salt walk-2-steps --bucket control=0.9 --bucket treatment=0.1 u17 u18
    """
    from pydantic import ValidationError

    from serving.experiments.buckets import Experiment, parse_buckets

    try:
        experiment = Experiment(salt=salt, buckets=parse_buckets(buckets))
    except ValidationError as error:
        raise DimeRecError(
            f"--salt must be 1 to 64 letters, digits, '_', '.' and '-', got {salt!r}. Example: --salt walk-2-steps"
        ) from error
    lines = typer.get_text_stream("stdin").read().splitlines() if users == ["-"] else users
    assigned = {user: experiment.bucket_of(user) for user in lines}
    if as_json:
        print_json(assigned)
    else:
        for user, name in assigned.items():
            say_plainly(f"{user}\t{name}")


@app.command()
def power(
    baseline: Annotated[float | None, typer.Option(help="The control's rate, such as a hit rate of 0.05.")] = None,
    std: Annotated[float | None, typer.Option(help="Instead of a rate: a user's standard deviation of a mean.")] = None,
    effect: Annotated[
        float | None, typer.Option(help="The difference to find, in the same unit; asks for users.")
    ] = None,
    users: Annotated[int | None, typer.Option(help="Users in both arms together; asks for the effect.")] = None,
    treatment_share: Annotated[float, typer.Option(help="The treatment's part of all users.")] = 0.5,
    significance: Annotated[float, typer.Option(help="How often a difference is seen where there is none.")] = 0.05,
    power: Annotated[float, typer.Option(help="How often the effect is found if it is there.")] = 0.8,
    as_json: AsJson = False,
) -> None:
    """Plans an experiment: the users it needs for an effect, or the effect that its users can show.

    Two-sided, for rates (--baseline) or means (--std). Effects are absolute: from 0.05 to 0.055 is 0.005.

    Example: dimerec experiment power --baseline 0.05 --effect 0.005
    """
    from serving.experiments import power as plan

    if (baseline is None) == (std is None) or (effect is None) == (users is None):
        raise DimeRecError("Give --baseline or --std, and --effect or --users. Example: --baseline 0.05 --effect 0.005")
    design = plan.Design(significance, power, treatment_share)
    answer: dict[str, float]
    if effect is not None:
        arms = (
            plan.users_for_proportions(baseline, effect, design)
            if baseline is not None
            else plan.users_for_means(std or 0.0, effect, design)
        )
        answer = asdict(arms)
        needed = f"{arms.control:,} users in the control and {arms.treatment:,} in the treatment"
        sentence = f"{needed} show an effect of {effect:g}."
    else:
        given = users or 0
        smallest = (
            plan.effect_for_proportions(baseline, given, design)
            if baseline is not None
            else plan.effect_for_means(std or 0.0, given, design)
        )
        answer = {"effect": smallest}
        sentence = f"{given:,} users show an effect of {smallest:.3g} or more."
    if as_json:
        print_json(answer)
    else:
        say(sentence)


@app.command()
def report(
    exposures: Annotated[list[Path], typer.Argument(help="TFRecord files of exposures: the server's request log.")],
    outcomes: Annotated[Path, typer.Option(help="CSV or Parquet file of clicks: user_id or request_id, and item_id.")],
    buckets: Buckets,
    unit: Annotated[UnitName, typer.Option(help="What was assigned, and what clicks are joined by.")] = UnitName.USER,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Compares the buckets of an experiment: CTR and hit rate with intervals and p-values.

    An item that a user was shown counts once, and so does a click on it. Refused when the sizes of the buckets do not
    fit their weights, because then the difference may come from lost users.

    Example: dimerec experiment report logs/day-1.tfrecord --outcomes clicks.csv --bucket control=0.5 --bucket new=0.5
    """
    silence_native_logs()
    from serving.experiments.buckets import parse_buckets
    from serving.experiments.exposures import read_exposures, read_outcomes
    from serving.experiments.report import report as make_report

    parsed = parse_buckets(buckets)
    result = make_report(read_exposures(exposures, unit.value), read_outcomes(outcomes, unit.value), parsed, confidence)
    if as_json:
        print_json(asdict(result))
    else:
        _print(result)


def _print(result: "Report") -> None:
    table = Table("bucket", "units", "impressions", "clicks", "CTR", "hit rate")
    for row in result.buckets:
        sizes = (f"{number:,}" for number in (row.units, row.impressions, row.clicks))
        table.add_row(row.name, *sizes, f"{row.ctr:.3%}", f"{row.hit_rate:.3%}")
    console.print(table)
    control = result.buckets[0].name
    for comparison in result.comparisons:
        for name, difference in (("CTR", comparison.ctr), ("hit rate", comparison.hit_rate)):
            line = f"{comparison.bucket} less {control}, {name}: {_text(difference)}"
            say(line)
    note = f"Sizes fit the weights (p = {result.mismatch_p_value:.2g}). Intervals at {result.confidence:.1%}."
    say(note)
    left_out = (
        f"Left out: {result.unmatched_clicks:,} clicks on items not shown, {result.outside:,} exposures without bucket."
    )
    say(left_out)


def _text(difference: "Difference") -> str:
    interval = f"[{difference.low:+.3%}, {difference.high:+.3%}]"
    return f"{difference.value:+.3%} {interval}, p = {difference.p_value:.3g}"

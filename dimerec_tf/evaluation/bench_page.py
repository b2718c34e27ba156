"""The outcome of benchmarks as a Markdown page for people."""

from dimerec_tf.evaluation.bench_report import SECTION_KEYS
from dimerec_tf.evaluation.json_rows import Row


def markdown_page(rows: list[Row]) -> str:
    """A section for each data set and way to measure: where it comes from, test, validation and lists.

    Args:
        rows: see `report_rows`; they may come from several commands.
    """
    lines = [
        "# Accuracy",
        "",
        "Not edited by hand: each section names the commands that wrote it. Full catalogue, in %, mean ± standard "
        "deviation over seeds; what was chosen was chosen on the validation split. NDCG@10 against: its mean "
        "difference in percentage points (above 0: the row's model is better) and p of a paired t-test over test "
        "cases, for a DimeRec against the best baseline of its command, which comes first, and its other DimeRecs.",
    ]
    for section in dict.fromkeys(_section_of(row) for row in rows):
        lines += _section([row for row in rows if _section_of(row) == section])
    return "\n".join(lines) + "\n"


def _section_of(row: Row) -> tuple[object, ...]:
    return tuple(row[key] for key in SECTION_KEYS)


def _section(rows: list[Row]) -> list[str]:
    first = rows[0]
    diverse = f", diversity weight {first['diversity_weight']:g}" if first["diversity_weight"] else ""
    best = dict.fromkeys(row["best_baseline"] for row in rows if row["p_values"])
    commands = dict.fromkeys(f"`{row['command']}`" for row in rows)
    rows = sorted(rows, key=lambda row: bool(row["seeds"]))  # floors first, also those of a second command
    return [
        "",
        f"## {first['dataset']}: {first['protocol']}, seen items {first['seen']}{diverse}",
        "",
        f"Data SHA-256 `{first['data_sha256'][:12]}`, best baseline {' or '.join(best) or first['best_baseline']}. "
        f"Written by {', '.join(commands)}.",
        "",
        "Test:",
        "",
        *_table(rows, "metrics", with_facts=True),
        "",
        "Validation:",
        "",
        *_table(rows, "validation"),
        "",
        "Lists (test): share of the catalogue covered, self-information in bits, popularity against an average item's; "
        "where items have categories, how many of them a list has and how far apart its items are (Jaccard distance):",
        "",
        *_table(rows, "lists"),
    ]


def _table(rows: list[Row], part: str, with_facts: bool = False) -> list[str]:
    names = sorted(dict.fromkeys(name for row in rows for name in row[part]), key=lambda name: int(name.split("@")[1]))
    facts = ["NDCG@10 against", "seeds", "training s", "parameters", "configuration"] if with_facts else []
    lines = ["| " + " | ".join(["model", *names, *facts]) + " |", "|---" * (1 + len(names) + len(facts)) + "|"]
    for row in rows:
        cells = [row["model"], *(_cell(row[part].get(name), len(row["seeds"])) for name in names)]
        lines.append("| " + " | ".join([*cells, *(_facts(row) if with_facts else [])]) + " |")
    return lines


def _cell(spread: dict[str, float] | None, seeds: int) -> str:
    if spread is None:
        return ""
    return f"{spread['mean']:.2f}" + (f" ± {spread['sd']:.2f}" if seeds > 1 else "")


def _facts(row: Row) -> list[str]:
    against = [f"{other} {row['differences'][other]:+.2f} (p {p:.2g})" for other, p in row["p_values"].items()]
    if row["config_hash"]:
        return [
            ", ".join(against),
            str(len(row["seeds"])),
            f"{row['train_seconds']:.0f}",
            f"{row['parameters']:,}",
            f"`{row['config_hash']}`",
        ]
    return [""] * 5

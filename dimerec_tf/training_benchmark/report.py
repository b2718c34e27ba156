"""Writes what was measured: rows for programs, a page with plots for people."""

import json
from pathlib import Path

from dimerec_tf.evaluation.json_rows import Row
from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.page import Section, write_page
from dimerec_tf.measuring.results import merge_results
from dimerec_tf.measuring.targets import target_rows
from dimerec_tf.training_benchmark.plots import draw_catalogues, draw_prefixes, draw_systems
from dimerec_tf.training_benchmark.targets import TARGETS

INTRODUCTION = """# Training: speed

Not edited by hand: `make bench-train` measures and writes this page and `benchmarks/training.json`. Everything is
measured on random windows or logs, in the sizes of the preset `paper` where nothing else is said: vectors of 64
numbers, histories of at most 50 events, 1,024 uniform negatives that a batch shares, 10,000 items. Times are medians
of whole training steps (losses, gradients, optimizer)."""

SYSTEMS_TEXT = """How many targets a second each system learns from, with equal sizes of vectors, histories and
negatives; steps of the four take turns. DimeRec has every position of a window as a target, in one pass. The peers
are this project's models of them in their authors' loops: an example is one prefix of a history. ComiRec-SA draws one
at random for each user and step; DiffuRec takes the softmax over the catalogue, and DreamRec no negatives, as
published. Short windows have fewer targets, so the ratio falls with them."""

CATALOGUES_TEXT = """A step of 64 windows of 51 events. With `lazy_items` (by default from 100,000 items on) a step
reads and writes the vectors of its batch only; otherwise Adam moves every item in every step. `tables_mb` is the item
table and Adam's two moments, 12 bytes for each number of each item: what memory grows by. Each row is a process of
its own, `peak_mb` its largest resident size, TensorFlow itself included. Ten million items were not tried without
`lazy_items`."""

SOFTMAX_TEXT = """The sampled softmax compares each target with the negatives that the batch shares: matrices of
`[targets, negatives]`, never `[targets, catalogue]`, which `full_softmax_logits_mb` would be. Two losses, each with a
few such matrices alive at once (logits, where a negative is the target itself, their gradients), so memory grows by
about `copies` x 4 bytes x targets x negatives. `logits_mb` is one such matrix; `copies` is what the peak grew by over
the row of fewest negatives with as many targets, in such matrices."""

SWITCHES_TEXT = """A step of 64 windows of 51 events with `training.mixed_precision` (layers in bfloat16) and
`training.jit_compile` (XLA). A processor without bfloat16 instructions gains nothing by the first."""

INPUTS_TEXT = """Training on logs of random items through the batches that every training reads (shuffled, of like
lengths): the share of time in which a step waits for its batch. A step's own time is what is left."""

PREFIXES_TEXT = """The interests of every prefix, with gradients: 6,400 events in histories of several lengths, four
interests, vectors of 64 numbers. Prefix by prefix the work grows with the square of the length."""

INCREMENTAL_TEXT = """`dimerec bench-incremental`, see [incremental.md](incremental.md): a warm start against
the model it starts from and against training from scratch, on a log that grew. Every event of the test period is
predicted from its user's earlier ones. `gain` is in percentage points over the start. Seconds are of training alone."""

SECTIONS = {
    "targets": Section("Targets", "Ratios of measurements of one run; what was not measured is missing."),
    "systems": Section("Beside its peers", SYSTEMS_TEXT, draw_systems),
    "catalogues": Section("By the size of the catalogue", CATALOGUES_TEXT, draw_catalogues),
    "softmax": Section("Memory of the sampled softmax", SOFTMAX_TEXT),
    "inputs": Section("Waiting for input", INPUTS_TEXT),
    "switches": Section("XLA and half precision", SWITCHES_TEXT),
    "prefixes": Section("All prefixes at once", PREFIXES_TEXT, draw_prefixes),
    "incremental": Section("From yesterday's model", INCREMENTAL_TEXT),
}


def write_report(measured: Rows, results: Path, page: Path) -> None:
    """Writes the rows and the page.

    Args:
        measured: rows by key, see `SECTIONS`.
        results: JSON file; what other commands put there stays, and `incremental` is shown on the page.
        page: Markdown file; plots go to `images/training` beside it.
    """
    kept = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    incremental = kept.get("incremental", [])
    measured = {**measured, "softmax": _with_copies(measured["softmax"]), "incremental": incremental}
    rows = {**measured, "targets": target_rows(TARGETS, measured)}
    systems = {
        row["system"]: row["targets_per_second"] for row in reversed(measured["systems"])
    }  # of the longest windows, which come first
    shares = [row["input_wait_share"] for row in measured["inputs"]]
    merge_results(results, {"targets_per_second": systems, "input_wait_share": max(shares), **rows})
    shown = [_one_line(row) for row in incremental]
    write_page(page, "training", INTRODUCTION, SECTIONS, {**rows, "incremental": shown})


def _with_copies(rows: list[Row]) -> list[Row]:
    """Adds how many matrices of logits the peak grew by over the row of fewest negatives with as many targets."""
    fewest = {row["targets"]: row for row in sorted(rows, key=lambda row: row["negatives"], reverse=True)}
    return [{**row, "copies": _copies(row, fewest[row["targets"]])} for row in rows]


def _copies(row: Row, fewest: Row) -> float | None:
    more = row["logits_mb"] - fewest["logits_mb"]
    return round((row["peak_mb"] - fewest["peak_mb"]) / more, 1) if more else None


def _one_line(row: Row) -> Row:
    """What of a warm start's row fits a table."""
    scratch, warm = row["models"]["from_scratch"], row["models"]["warm_start"]
    facts = {key: row[key] for key in ("dataset", "protocol", "new_events", "new_items", "seeds")}
    return {
        **facts,
        "NDCG@10 previous": row["models"]["previous"]["NDCG@10"]["mean"],
        "from scratch": scratch["NDCG@10"]["mean"],
        "warm start": warm["NDCG@10"]["mean"],
        "gain": row["ndcg_gain"],
        "p": row["p_value"],
        "ratio": row["ndcg_ratio"],
        "seconds from scratch": scratch["train_seconds"]["mean"],
        "seconds warm": warm["train_seconds"]["mean"],
        "ratio of seconds": row["seconds_ratio"],
    }

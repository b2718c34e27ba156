"""Writes what was measured: rows for programs, a page with plots for people."""

from pathlib import Path

from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.page import Section, write_page
from dimerec_tf.measuring.results import merge_results
from dimerec_tf.measuring.targets import target_rows
from serving.benchmark.plots import draw_load, draw_phases, draw_search
from serving.benchmark.targets import TARGETS

KEYS = ("search", "load", "phases")

INTRODUCTION = """# Serving: speed

Not edited by hand: `make bench-serving` measures and writes this page and `benchmarks/serving.json`. Client and server
run on the same machine, so that requests per second are those of both.

The model is the preset `ml-100k`, trained on its log in the size of the preset `paper`: vectors of 64 numbers,
histories of at most 50 events. Rows with `dim` 128 are of the preset's own size, with histories of at most 100.

No public log at hand has a million items: the trained item table is enlarged. Each further item lies between a trained
one and one of its ten nearest, moved by noise half as long as the way to the nearest. This keeps the clusters and
lengths that training gave, on which an index depends; such a catalogue says nothing about accuracy. Histories
are those of the log, each event an item drawn from those of its trained item; an index is tuned on one draw and
measured on another."""

TARGETS_TEXT = "Ratios of measurements of one run; what was not measured is missing."

SEARCH_TEXT = """Median milliseconds for the best 50 items, in one process, in turns of changing order: matmul and top-k
(`exact`), the partitioned index (`ivf`), TFRS' ScaNN layer (`scann`). Both indexes search as many leaves as find 98 %
on tuning queries."""

LOAD_TEXT = """One history of the log a call, k = 10. With batching: at most 32 rows, no waiting, two threads.
`failures`: calls that were not answered, by gRPC status."""

PHASES_TEXT = """Median milliseconds of one call, one caller at a time, without batching. `predict_ms` is the call over
gRPC, `echo_ms` the same bytes sent to a server that answers at once, `proto_ms` reading the request and writing the
answer, `batching_ms` what batching would add, `graph_ms` the whole graph; `gem_ms`, `walk_ms` and `search_ms` are its
parts, each run by itself."""

SECTIONS = {
    "targets": Section("Targets", TARGETS_TEXT),
    "search": Section("Search", SEARCH_TEXT, draw_search),
    "load": Section("Load", LOAD_TEXT, draw_load),
    "phases": Section("Where the time goes", PHASES_TEXT, draw_phases),
}


def write_report(measured: Rows, results: Path, page: Path) -> None:
    """Writes the rows and the page.

    Args:
        measured: rows by key, of `KEYS`.
        results: JSON file; what other commands put there stays.
        page: Markdown file; plots go to `images/serving` beside it.
    """
    rows = {**{key: measured[key] for key in KEYS}, "targets": target_rows(TARGETS, measured)}
    merge_results(results, rows)
    write_page(page, "serving", INTRODUCTION, SECTIONS, rows)

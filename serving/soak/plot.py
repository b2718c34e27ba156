"""Latency and memory over time as a picture."""

from collections.abc import Sequence
from pathlib import Path

from dimerec_tf.whole_files import whole_file
from serving.soak.report import Record

COLOURS = {
    "swap": "tab:green",
    "corrupt": "tab:orange",
    "delete": "tab:brown",
    "kill": "tab:red",
    "malformed": "tab:purple",
    "connections": "tab:grey",
}


def plot(record: Record, rows: Sequence[dict[str, float]], file: Path) -> None:
    """Draws the rows of `per_second` with what was done to the server behind them."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(11, 6), layout="constrained")
    latency, memory = figure.subplots(2, sharex=True)
    seconds = [row["second"] for row in rows]
    for name, label in (("p99_ms", "p99"), ("p50_ms", "p50")):
        latency.plot(seconds, [row[name] for row in rows], linewidth=0.8, label=label)
    latency.set(yscale="log", ylabel="latency, ms")
    latency.legend(loc="upper left")
    memory.plot(seconds, [row["resident_mb"] for row in rows], color="black", linewidth=0.8)
    memory.set(ylim=(0, None), xlabel="seconds", ylabel="resident memory, MB")
    done = [event for event in record.events if event.kind in COLOURS]
    for event in done:
        for axes in (latency, memory):
            axes.axvspan(
                event.started - record.started,
                event.ended - record.started,
                color=COLOURS[event.kind],
                alpha=0.25,
                lw=0,
            )
    kinds = {event.kind for event in done}
    patches = [Patch(color=colour, alpha=0.25, label=kind) for kind, colour in COLOURS.items() if kind in kinds]
    memory.legend(handles=patches, loc="lower left", ncols=len(patches))
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as picture:
        figure.savefig(picture, dpi=130)

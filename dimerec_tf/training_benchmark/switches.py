"""What XLA and half precision gain."""

from typing import Any

import tensorflow as tf

from dimerec_tf.measuring.timing import medians
from dimerec_tf.training_benchmark.steps import HISTORY, Step, dimerec, training_step

WINDOWS = 64
SWITCHES = {
    "none": {},
    "mixed_precision": {"mixed_precision": True},
    "jit_compile": {"jit_compile": True},
    "both": {"mixed_precision": True, "jit_compile": True},
}


def switch_rows(repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of a step with each switch, for the paper's recipe and for the preset `ml-100k` of its size."""
    return [row for preset in ("paper", "ml-100k") for row in _rows(preset, repeats)]


def _rows(preset: str, repeats: int) -> list[dict[str, Any]]:
    steps = {name: _step(preset, **switches) for name, switches in SWITCHES.items()}
    milliseconds = medians(steps, repeats)
    gains = {name: round(milliseconds["none"] / value, 3) for name, value in milliseconds.items()}
    return [
        {"preset": preset, "switch": name, "step_ms": value, "times_as_fast": gains[name]}
        for name, value in milliseconds.items()
    ]


def _step(preset: str, mixed_precision: bool = False, jit_compile: bool = False) -> Step:
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16" if mixed_precision else "float32")
    model = dimerec(preset)
    model.sampler.compiled = jit_compile
    return training_step(model, WINDOWS, HISTORY + 1, jit_compile)

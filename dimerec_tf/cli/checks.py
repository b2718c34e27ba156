"""What `dimerec doctor` looks at: each check says what it found and what to do about it."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from importlib.util import find_spec

import numpy as np
import psutil
from packaging.requirements import Requirement

DISTRIBUTION = "dimerec"
COMMANDS_OF_EXTRAS = {
    "serving": "serve, recommend, loadtest, rollout and experiment",
    "scann": "exports with a ScaNN index",
    "pipeline": "pipeline and demo",
    "figures": "figures",
    "tuning": "tune",
}
PORTS = {8500: "--port", 8501: "--rest-api-port"}  # of `dimerec serve`
PROBES = 32  # vectors that ScaNN is asked for; it makes no index of fewer than 16
GIBIBYTE = 2**30
ENOUGH_MEMORY = 4 * GIBIBYTE


class State(str, Enum):
    """How bad it is: a `note` hinders some commands only, `broken` all or one that is installed."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What one check found; `hint` says what to do, and is empty where there is nothing to do."""

    check: str
    state: State
    found: str
    hint: str = ""


def check_all() -> Iterator[Finding]:
    """Every check; TensorFlow is loaded on the way, and ScaNN if it is installed."""
    yield check_python(sys.version_info[:3])
    requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    yield check_packages([requirement for requirement in requirements if not requirement.marker])
    for extra in COMMANDS_OF_EXTRAS:
        yield check_extra(
            extra, [each for each in requirements if each.marker and each.marker.evaluate({"extra": extra})]
        )
    yield check_keras()
    yield check_scann()
    yield check_memory(psutil.virtual_memory().available)
    for port, option in PORTS.items():
        yield check_port(port, option)


def check_python(version: tuple[int, ...]) -> Finding:
    """Whether the project is made for this interpreter."""
    found = ".".join(map(str, version))
    if version[:2] == (3, 10):
        return Finding("Python", State.OK, found)
    hint = "Make an environment with Python 3.10: TensorFlow, TFX and ScaNN of one age are built for it."
    return Finding("Python", State.BROKEN, found, hint)


def check_packages(requirements: list[Requirement]) -> Finding:
    """Whether everything that all commands need is there, in versions that fit together."""
    missing, wrong = _lacking(requirements)
    if not missing and not wrong:
        return Finding("packages", State.OK, f"all {len(requirements)} in fitting versions")
    return Finding("packages", State.BROKEN, _described(missing, wrong), _install([*missing, *wrong]))


def check_extra(extra: str, requirements: list[Requirement]) -> Finding:
    """The same for what some commands need: it may be missing as a whole or in part, but not be of another version."""
    name = f"packages for {COMMANDS_OF_EXTRAS[extra]}"
    missing, wrong = _lacking(requirements)
    if wrong:
        return Finding(name, State.BROKEN, _described(missing, wrong), _install([*missing, *wrong]))
    if missing:
        return Finding(name, State.NOTE, _described(missing, wrong), f"For them: {_install(missing)}")
    return Finding(name, State.OK, f"all {len(requirements)} in fitting versions")


def check_keras() -> Finding:
    """Whether TensorFlow loads, and with Keras 2."""
    try:
        import tensorflow as tf

        keras = tf.keras.layers.Layer.__module__.partition(".")[0]
    except Exception as error:  # whatever a broken installation raises
        hint = "Install TensorFlow anew, and unset TF_USE_LEGACY_KERAS if it is set."
        return Finding("Keras mode", State.BROKEN, f"TensorFlow does not load: {error}", hint)
    found = f"TensorFlow {tf.__version__} with {keras}"
    if keras == "tf_keras":
        return Finding("Keras mode", State.OK, found)
    return Finding(
        "Keras mode", State.BROKEN, found, "Import dimerec_tf before TensorFlow, or set TF_USE_LEGACY_KERAS=1."
    )


def check_scann() -> Finding:
    """Whether ScaNN's op finds what lies nearest, as exports with its index need."""
    if find_spec("scann") is None:
        return Finding("ScaNN op", State.NOTE, "not installed", "Exports with export.indexes: [ivf] do without.")
    try:
        from dimerec_tf.retrieval.scann import ScannIndex

        vectors = np.eye(PROBES, dtype=np.float32)
        rows = ScannIndex(vectors, 1, leaves=None, leaves_to_search=2).candidates(vectors)[1].numpy()[:, 0]
    except Exception as error:  # a library that does not fit TensorFlow's fails in many ways
        hint = "ScaNN is built for one TensorFlow: install the version that `pip install 'dimerec[scann]'` takes."
        return Finding("ScaNN op", State.BROKEN, f"does not load: {error}", hint)
    if rows.tolist() != list(range(1, PROBES + 1)):
        return Finding("ScaNN op", State.BROKEN, f"finds {rows.tolist()} for 1 to {PROBES}", "Install ScaNN anew.")
    return Finding("ScaNN op", State.OK, f"loads and searches ({metadata.version('scann')})")


def check_memory(available: int) -> Finding:
    """Whether so many bytes suffice for a small log."""
    found = f"{available / GIBIBYTE:.1f} GB available"
    if available >= ENOUGH_MEMORY:
        return Finding("memory", State.OK, found)
    hint = "Close other programs: a pipeline has 1 GB of libraries in memory before it reads any data."
    return Finding("memory", State.NOTE, found, hint)


def check_port(port: int, option: str) -> Finding:
    """Whether a server could listen there; `option` is the one of `dimerec serve` that says another."""
    name = f"port {port}"
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", port))
        except OSError as error:
            return Finding(
                name, State.NOTE, f"not free ({error.strerror})", f"Serve on another: dimerec serve {option} N"
            )
    return Finding(name, State.OK, "free")


def _lacking(requirements: list[Requirement]) -> tuple[list[Requirement], dict[Requirement, str]]:
    """What is not installed, and what is in a version that does not fit, with that version."""
    missing, wrong = [], {}
    for requirement in requirements:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong[requirement] = version
    return missing, wrong


def _described(missing: list[Requirement], wrong: dict[Requirement, str]) -> str:
    versions = [f"{each.name} {version} instead of {each.specifier}" for each, version in wrong.items()]
    return ", ".join([*(f"no {each.name}" for each in missing), *versions])


def _install(requirements: list[Requirement]) -> str:
    return "pip install " + " ".join(f"'{each.name}{each.specifier}'" for each in requirements)

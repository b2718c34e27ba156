"""The one place that reads or writes environment variables."""

import os
from dataclasses import dataclass
from pathlib import Path

from dimerec_tf.errors import DimeRecError

LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
_OWN_ADDRESSES = "localhost,127.0.0.1,::1"
_GRPC_EXCEPTIONS = "no_grpc_proxy"  # which gRPC takes in place of no_proxy


def cache_dir() -> Path:
    """Where downloads are kept: `DIMEREC_CACHE_DIR`, else `dimerec` in the user's cache directory."""
    explicit = os.environ.get("DIMEREC_CACHE_DIR")
    if explicit:
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dimerec"


def request_legacy_keras() -> None:
    """Asks TensorFlow, if it is not loaded yet, to use the `tf_keras` package as `tf.keras`."""
    os.environ[LEGACY_KERAS] = "1"


def silence_native_logs() -> None:
    """Keeps TensorFlow's C++ start-up lines off the terminal, unless the user chose a level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def reach_this_machine_directly() -> None:
    """Keeps `http_proxy` and its kin from being asked for this machine's own addresses, by child processes too.

    For what connects to itself: Beam's workers, a training's workers, the server that is tried out before a push.
    """
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if given.strip() != "*":
        os.environ["no_proxy"] = ",".join(filter(None, (given, _OWN_ADDRESSES)))
    if of_grpc := os.environ.get(_GRPC_EXCEPTIONS):
        os.environ[_GRPC_EXCEPTIONS] = f"{of_grpc},{_OWN_ADDRESSES}"


def forget_cluster() -> None:
    """Drops `TF_CONFIG`, for a training that no other process shares.

    One left over would be read all the same: TFX's Trainer leaves the model where another task's is expected, and text
    that is no JSON ends the training.
    """
    os.environ.pop("TF_CONFIG", None)


def one_thread_per_operation() -> None:
    """Lets each TensorFlow operation compute in one thread, unless the user chose `TF_NUM_INTRAOP_THREADS`.

    For a server, whose requests keep all cores busy: splitting the small matrices of one costs more than it brings. To
    be called before TensorFlow computes.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


@dataclass(frozen=True)
class VertexContainer:
    """Where Vertex AI sends a custom container's requests."""

    http_port: int
    predict_route: str
    health_route: str


def vertex_container() -> VertexContainer | None:
    """The port and routes that a Vertex endpoint sets, None where it sets none.

    Raises:
        DimeRecError: only some of the variables are set, or the port is not a number.
    """
    names = ("AIP_HTTP_PORT", "AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE")
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return None
    if not all(values) or not values[0].isdecimal():
        found = ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
        raise DimeRecError(f"A Vertex container needs a port and two routes, found {found}. Set all three or none.")
    return VertexContainer(int(values[0]), values[1], values[2])

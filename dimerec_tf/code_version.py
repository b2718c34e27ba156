"""A hash of code: configuration says what was asked for, this says what ran."""

import hashlib
from pathlib import Path
from types import ModuleType

LEFT_OUT = ("cli", "figures", "measuring", "training_benchmark", "benchmark")


def code_version(*packages: ModuleType) -> str:
    """The first 12 hex digits of the SHA-256 over every Python file of the packages.

    The command line, the figures and the benchmarks of speed are left out: they change nothing that was trained.
    """
    digest = hashlib.sha256()
    for package in packages:
        root = Path(package.__path__[0])
        for file in sorted(root.rglob("*.py")):
            name = file.relative_to(root)
            if name.parts[0] not in LEFT_OUT:
                digest.update(str(name).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]

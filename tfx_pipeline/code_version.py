"""A hash of the code that pipeline steps run: TFX's cache key has import paths in it, not what they lead to."""

import hashlib
from pathlib import Path

import dimerec_tf
import tfx_pipeline


def code_version() -> str:
    """The first 12 hex digits of the SHA-256 over every Python file of `dimerec_tf` and `tfx_pipeline`."""
    digest = hashlib.sha256()
    for package in (dimerec_tf, tfx_pipeline):
        root = Path(package.__path__[0])
        for file in sorted(root.rglob("*.py")):
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]

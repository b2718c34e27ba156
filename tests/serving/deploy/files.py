"""Where the deployment files are, and how to read them."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "serving" / "deploy"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kubernetes_objects() -> dict[str, dict[str, Any]]:
    """Every object of the base by `Kind/name`."""
    base = DEPLOY / "kubernetes" / "base"
    found = [
        item for path in sorted(base.glob("*.yaml")) for item in documents(path) if item["kind"] != "Kustomization"
    ]
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in found}


def flags(arguments: list[str]) -> dict[str, str]:
    """`--name=value` arguments by name."""
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)

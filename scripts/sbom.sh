#!/usr/bin/env bash
# Writes what is installed in a virtual environment as CycloneDX, asking nothing of the network: sbom.sh CYCLONEDX VENV_BIN
set -euo pipefail
mkdir -p build
"$1" environment --output-reproducible --output-file build/sbom.json "$2/python"
echo "Written to build/sbom.json. The tests' browser is not in it: requirements/browser/package-lock.json lists its packages."

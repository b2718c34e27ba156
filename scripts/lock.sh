#!/usr/bin/env bash
# Resolves requirements/*.in into lock files with the hashes of all files of each version: lock.sh VENV_BIN.
# Prove the outcome with `make demo test`.
set -euo pipefail
bin=$1
for name in all pipeline serving core audit; do
  constraint=(); [ "$name" = all ] || [ "$name" = audit ] || constraint=(--constraint requirements/all.txt)
  "$bin/uv" pip compile --quiet --python-version 3.10 --no-header --generate-hashes "requirements/$name.in" \
    "${constraint[@]}" --output-file "requirements/$name.txt"
done

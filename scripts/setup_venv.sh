#!/usr/bin/env bash
# Creates or updates a virtual environment from a lock file with hashes: setup_venv.sh VENV LOCKFILE
set -euo pipefail
venv=$1 lock=$2
minor=$(cat .python-version)

find_python() {
  local candidate
  for candidate in "python$minor" python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$minor" ]; then
      command -v "$candidate"
      return
    fi
  done
  if command -v pyenv >/dev/null 2>&1 && candidate=$(pyenv prefix "$minor" 2>/dev/null); then
    echo "$candidate/bin/python"
    return
  fi
  if command -v uv >/dev/null 2>&1 && candidate=$(uv python find "$minor" 2>/dev/null); then
    echo "$candidate"
  fi
}

is_usable() {
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
    [ "$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$minor" ]
}

if ! is_usable; then
  python=$(find_python)
  if [ -z "$python" ]; then
    echo "dimerec needs Python $minor: install it with 'pyenv install $minor', 'uv python install $minor' or your system's packages, then run make again." >&2
    exit 1
  fi
  echo "==> Creating $venv with $python"
  if ! "$python" -m venv --clear "$venv"; then
    echo "$python could not create $venv; the lines above say why. On Debian and Ubuntu install python$minor-venv, then run make again." >&2
    exit 1
  fi
fi
echo "==> Installing the locked packages (about 3 GB on disk; a minute or two the first time)"
# Every file that is downloaded must have a hash of the lock file, those that packages are built with included.
sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$venv/uv.txt"
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: --requirement "$venv/uv.txt"; then
  echo "Installing uv failed; the lines above say why. Check the connection to your package index and run make again." >&2
  exit 1
fi
if ! "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes --build-constraints "$lock" --requirement "$lock"; then
  echo "Installing from $lock failed; the lines above say which package. Check the connection to your package index and run make again." >&2
  exit 1
fi
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
echo "==> $venv is ready"

#!/usr/bin/env bash
# Puts the headless Chromium that tests open pages with into a virtual environment: setup_browser.sh VENV
# It comes from npm with the libraries and fonts it needs, so that no system package is asked for.
set -euo pipefail
venv=$(cd "$1" && pwd)
browser=$venv/browser
export PATH="$venv/bin:$PATH"
rm -rf "$browser" && mkdir "$browser"
cp requirements/browser/package*.json "$browser"
cd "$browser"
echo "==> Installing the locked browser (300 MB on disk)"
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
  echo "Installing the browser from requirements/browser failed; the lines above say why. Check the connection to your npm registry and run make again." >&2
  exit 1
fi
# The name of a Lambda environment makes the package unpack its libraries, too.
AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x TMPDIR="$browser" \
  node -e "import('@sparticuz/chromium').then((chromium) => chromium.default.executablePath())"
rm -rf node_modules

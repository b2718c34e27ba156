#!/usr/bin/env bash
# Puts the headless Chromium that tests open pages with into a virtual environment: setup_browser.sh VENV
# It comes from npm with the libraries and fonts it needs, so that no system package is asked for. The last step draws
# a page and looks for letters in the picture.
set -euo pipefail
venv=$(cd "$1" && pwd)
project=$PWD
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
# The package's own configuration names places of a Lambda machine. "relative" is the folder that this file lies in.
cat >fonts/fonts.conf <<'XML'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
XML
cd "$project"
if ! "$venv/bin/python" -m tests.browser; then
  echo "The browser in $browser cannot draw a page; the lines above say why. Tests that open pages would fail." >&2
  exit 1
fi

"""The headless Chromium that `make test` puts beside the packages, see scripts/setup_browser.sh."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(sys.prefix) / "browser"


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Starts it with the libraries and fonts that came with it.

    Raises:
        RuntimeError: it is not installed.
    """
    if not (FOLDER / "chromium").exists():
        raise RuntimeError(f"There is no browser in {FOLDER}: `make test` installs it, by scripts/setup_browser.sh.")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(FOLDER / "al2023" / "lib"),
        "FONTCONFIG_PATH": str(FOLDER / "fonts"),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=FOLDER / "chromium", args=["--no-sandbox"], env=environment
        )
        try:
            yield browser
        finally:
            browser.close()

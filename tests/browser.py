"""The headless Chromium that `make test` puts beside the packages, see scripts/setup_browser.sh."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

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


def letters_are_drawn(browser: Browser) -> bool:
    """Whether two letters leave ink in a picture, and not the same: without a font both are empty or the same box."""
    page = browser.new_page()
    first, second = (_picture(page, letter) for letter in "Bg")
    page.close()
    return bool(first.any() and second.any() and (first != second).any())


def _picture(page: Page, letter: str) -> NDArray[np.bool_]:
    """Where a page with one large letter is dark. [height, width]"""
    page.set_content(f"<p style='margin: 0; width: 80px; height: 80px; font: 60px sans-serif'>{letter}</p>")
    png = page.locator("p").screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")) < 128


def main() -> None:
    """Ends with a sentence and status 1 if the browser draws no letters."""
    with open_browser() as browser:
        if not letters_are_drawn(browser):
            sys.exit(f"The browser draws no letters: its fonts, {FOLDER / 'fonts'}, are not found.")
    print("==> The browser draws pages, letters included")


if __name__ == "__main__":
    main()

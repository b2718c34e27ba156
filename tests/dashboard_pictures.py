"""Takes the pictures of docs/dashboard.md: `make dashboard-pictures`, after `make demo`."""

import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import open_browser

# By a page's name: the picture's name, and what is drawn last.
PICTURES = {
    "index": ("overview", "[data-figure] svg.main-svg"),
    "slices": ("slices", "tfma-slice-overview .bars .point"),
}


def take_pictures(pages: Path, pictures: Path) -> None:
    """Writes a PNG of each page, which `dimerec dashboard` wrote into the folder `pages`, as long as the page is."""
    with open_browser() as browser:
        page = browser.new_page(color_scheme="light", viewport={"width": 1280, "height": 900})
        for name, (picture, drawn) in PICTURES.items():
            page.goto((pages / f"{name}.html").resolve().as_uri())
            expect(page.locator(drawn).first).to_be_visible()
            page.screenshot(path=pictures / f"{picture}.png", full_page=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]), Path(sys.argv[2]))

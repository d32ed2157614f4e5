"""The browser of benchmarks and tests: the Chromium of this machine, driven by Playwright."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser without a window. Raises `Unavailable` that says what to install where a part of it is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Unavailable(
            "This needs Playwright, which is not installed.", 'Install it: pip install "tastemaker[dev]".'
        ) from error
    if not CHROMIUM.exists():
        raise Unavailable(
            f"There is no Chromium at {CHROMIUM}.",
            "Install it (apt install chromium), or name the one that is there in the variable CHROMIUM.",
        )
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()

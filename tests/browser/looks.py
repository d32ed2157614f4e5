"""How pages are looked at: on a desk and on a phone, light and dark, from right to left."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP

PHONE = {"width": 390, "height": 844}
SIZES = {"desktop": {"viewport": DESKTOP}, "phone": {"viewport": PHONE, "has_touch": True, "device_scale_factor": 2}}
LOOKS = [
    pytest.param({**size, "color_scheme": scheme}, id=f"{name} {scheme}")
    for name, size in SIZES.items()
    for scheme in ("light", "dark")
]
PICTURES = os.environ.get("PICTURES")  # a folder: the pages as they look are kept there

# what a language that runs from right to left and needs a third more room does to a page
MIRROR = """() => {
  document.documentElement.dir = 'rtl';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest('script, style, code, kbd')) continue;
    text.data = text.data.replace(/\\p{L}{3,}/gu, (word) => word + word.slice(0, Math.ceil(word.length / 3)));
  }
}"""

TOO_NARROW = """() => [...document.querySelectorAll('button, .button')]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.textContent.trim())"""


def picture(page: Page, name: str) -> None:
    """See that nothing sticks out, and keep the page's picture where a folder for it is named."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} scrolls sideways"
    assert page.evaluate(TOO_NARROW) == [], f"words stick out of buttons of {name}"
    if PICTURES:
        scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        page.screenshot(path=Path(PICTURES) / f"{name}-{page.viewport_size['width']}-{scheme}.png", full_page=True)


def mirrored(page: Page) -> None:
    """Turn the page as a language from right to left would, with words a third longer."""
    page.evaluate(MIRROR)

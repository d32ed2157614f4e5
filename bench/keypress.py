"""From a key press to the next pair drawn, in a real Chromium, by Event Timing.

What counts is the time from a key event's timeStamp to the presentation of the frame that answers it. The API rounds
it to 8 ms and leaves out what is under 16; Chromium's trace of the same entries does neither, and is what is reported.
After each press a screenshot shows by pixels that both new pictures stand there. That they stand in the very first
frame is checked in some more presses, which do not count: a film of all frames costs time that nobody else pays.
"""

import io
import random
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from sqlalchemy import func, select

from app.db import transaction
from app.errors import TastemakerError
from app.models import Choice
from app.supervisor.logs import Say
from app.web.identity import COOKIE
from app.web.pictures import PictureLinks
from bench import coded_pictures
from bench.chromium import chromium
from bench.coded_pictures import Box
from bench.event_trace import FILM, TIMELINE, frames_of, key_spans
from bench.study import make_people, make_study, picture_key
from bench.throwaway import Product, throwaway_product

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

SIZE = 512
WINDOW: "ViewportSize" = {"width": 1280, "height": 800}
PACE_MS = (300, 500)  # between presses: quick for a person, and time enough for the next pictures
SETTLED_MS = 100
FILMED = 40
SPARE = 12  # pairs that lie ready when the last key is pressed
PATIENCE_S = 10
MOST_CHOICES = coded_pictures.MOST // 2 - FILMED - SPARE
OBSERVE = """
    window.keydowns = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.name === "keydown") keydowns.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 0 });
"""
SHOWN = """
    () => ["left", "right"].map((side) => {
      const image = document.querySelector(`.pair-picture[data-answer=${side}] img`);
      const box = image.getBoundingClientRect();
      return { address: image.getAttribute("src"), box: [box.x, box.y, box.width, box.height] };
    })
"""


@dataclass(frozen=True)
class Shown:
    """One picture as the page says it stands there: its number, and where in the window."""

    number: int
    box: Box


class NotDrawn(TastemakerError):  # noqa: N818 - named by what is wrong, as all of ours
    """What the page says it shows is not what its pixels show."""


def run(*, choices: int, seed: int, say: Say) -> dict[str, Any]:
    """Milliseconds from key press to the next pair, over `choices` presses. Raises `NotDrawn` on any wrong pixel."""
    with throwaway_product(say) as product:
        token, study_id = _furnish(product, choices + FILMED + SPARE, say)
        with chromium() as browser:
            chance = random.Random(seed)  # noqa: S311 - for keys and pauses
            desk = Desk(product, browser, _open(product, browser, token, study_id), chance, say)
            measured = desk.measure(choices)
            rounded = desk.page.evaluate("keydowns")
            filmed = desk.film(FILMED)
            _require_stored(product, choices + FILMED)
    rounded += [16] * (choices - len(rounded))  # the API tells nothing of those that took less
    return {
        **_percentiles(measured),
        "max_ms": round(max(measured), 1),
        "choices": choices,
        "checked_by_pixel": choices,
        "checked_on_film": filmed,
        "rounded_by_api": _percentiles(rounded),
    }


class Desk:
    """Someone at the pair page who presses a key, looks, and presses the next."""

    def __init__(self, product: Product, browser: "Browser", page: "Page", chance: random.Random, say: Say) -> None:
        self.page = page
        self._browser = browser
        self._links = PictureLinks(product.settings)
        self._chance = chance
        self._say = say

    def measure(self, presses: int) -> list[float]:
        """Milliseconds from each press to the frame that answers it; each new pair is checked by pixels."""
        before = self._shown()
        self._browser.start_tracing(page=self.page, categories=[TIMELINE])
        for number in range(presses):
            self._press()
            self.page.wait_for_timeout(SETTLED_MS)
            _require_drawn(self.page.screenshot(type="jpeg", quality=60), shown := self._shown(), before)
            before = shown
            if (number + 1) % 20 == 0:
                self._say(f"{number + 1} of {presses} choices …")
            self._think()
        spans = key_spans(self._browser.stop_tracing())
        if len(spans) != presses:
            raise NotDrawn(f"Of {presses} key presses {len(spans)} were timed.", "Run it again on a quiet machine.")
        return [end - start for start, end in spans]

    def film(self, presses: int) -> int:
        """How often the very frame that Event Timing names showed the new pair; less than always is an error."""
        self._say(f"{presses} more with every frame on film …")
        pairs = [self._shown()]
        self._browser.start_tracing(page=self.page, categories=[TIMELINE, FILM])
        for _ in range(presses):
            self._press()
            self._think()
            pairs.append(self._shown())
        trace = self._browser.stop_tracing()
        frames = frames_of(trace)
        for (_, presented), (before, shown) in zip(key_spans(trace), pairwise(pairs), strict=True):
            _, frame = min(frames, key=lambda found: abs(found[0] - presented))
            _require_drawn(frame, shown, before)
        return presses

    def _press(self) -> None:
        self.page.keyboard.press(self._chance.choice(("1", "2")))

    def _think(self) -> None:
        self.page.wait_for_timeout(self._chance.uniform(*PACE_MS))

    def _shown(self) -> list[Shown]:
        return [self._read(found) for found in self.page.evaluate(SHOWN)]

    def _read(self, found: dict[str, Any]) -> Shown:
        key = self._links.read(found["address"].removeprefix("/i/")).key
        return Shown(NUMBERS[key], found["box"])


NUMBERS = {picture_key(number // 2, number % 2): number for number in range(coded_pictures.MOST)}


def _furnish(product: Product, pairs: int, say: Say) -> tuple[str, int]:
    """A study of coded pictures: the session's token of someone who labels it, and its id."""
    say(f"drawing {2 * pairs} pictures of {SIZE} × {SIZE} …")
    for key, number in list(NUMBERS.items())[: 2 * pairs]:
        product.artifacts.put_bytes(key, coded_pictures.webp(number, SIZE))
    with transaction(product.sessions) as session:
        study_id = make_study(session, pairs=pairs, size=SIZE, choices_per_pair=1).study_id
        return next(iter(make_people(session, 1))), study_id


def _open(product: Product, browser: "Browser", token: str, study_id: int) -> "Page":
    context = browser.new_context(viewport=WINDOW, base_url=product.settings.site_url)
    context.add_cookies([{"name": COOKIE, "value": token, "url": product.settings.site_url}])
    page = context.new_page()
    page.add_init_script(OBSERVE)
    page.goto(f"/annotate/{study_id}", wait_until="networkidle")
    return page


def _require_drawn(screenshot: bytes, shown: list[Shown], before: list[Shown]) -> None:
    """Both pictures of a new pair stand where the page says they stand."""
    with Image.open(io.BytesIO(screenshot)) as image:
        scale = image.width / WINDOW["width"]
        drawn = [coded_pictures.number_in(image, _scaled(one.box, scale)) for one in shown]
    wanted = [one.number for one in shown]
    if drawn != wanted or set(drawn) & {one.number for one in before} or drawn[0] // 2 != drawn[1] // 2:
        raise NotDrawn(f"Pictures {wanted} should be on the screen; its pixels show {drawn}.")


def _scaled(box: Box, scale: float) -> Box:
    left, top, width, height = box
    return scale * left, scale * top, scale * width, scale * height


def _require_stored(product: Product, expected: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (stored := _stored(product)) != expected:
        if time.monotonic() > deadline:
            raise NotDrawn(f"{expected} choices were made, {stored} are stored.")
        time.sleep(0.1)


def _stored(product: Product) -> int:
    with transaction(product.sessions) as session:
        standing = select(func.count()).select_from(Choice).where(Choice.undone_at.is_(None))
        return session.scalars(standing).one()


def _percentiles(values: list[float]) -> dict[str, float]:
    middle, high = np.percentile(values, [50, 95])
    return {"p50_ms": round(float(middle), 1), "p95_ms": round(float(high), 1)}

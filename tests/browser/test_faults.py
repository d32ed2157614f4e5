"""The site is killed again and again while people work: what a page showed as made is in the database exactly once.

Twenty pages answer by themselves, in twenty browsers of their own. What they show is read from outside, as a person
would: a key was pressed, and the next pair stood there. Which pair it was is told by the address of its picture.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import make_engine, session_factory, transaction
from app.models import Answer, Choice, Pair, User
from app.settings import make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.ports import free_port
from app.web.identity import COOKIE
from app.web.pictures import PictureLinks
from bench import coded_pictures
from bench.study import make_people, make_study, picture_key
from tests.browser.conftest import Site, start, wait_until_it_answers
from tests.conftest import SECRET, copy_of

PEOPLE = 20
KILLS = 10
PAIRS = 1500
WINDOW = {"width": 400, "height": 400}
PATIENCE_S = 120

# answers by keys, now left and now right, and notes what was on the screen whenever a press made it go
WORKER = """
(() => {
  const noted = () => JSON.parse(localStorage.getItem("noted") ?? "[]");
  const shown = () => {
    const image = document.querySelector(".pair-picture[data-answer=left] img");
    return image?.checkVisibility() ? image.getAttribute("src") : null;
  };
  const press = () => {
    const before = shown();
    const key = Math.random() < 0.5 ? "1" : "2";
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    if (before && shown() !== before) localStorage.setItem("noted", JSON.stringify([...noted(), [before, key]]));
  };
  const turn = () => {
    if (localStorage.getItem("at work") && document.body) press();
    setTimeout(turn, 700 + 1000 * Math.random());
  };
  setTimeout(turn, 1000);
})();
"""

Seen = tuple[int, int, Answer]  # user, pair, answer


@dataclass
class Killable:
    """The site as a process on one port, which is killed and started again."""

    site: Site

    def __post_init__(self) -> None:
        self._process = start(self.site.settings)
        self._wait()

    def kill(self, away_s: float) -> None:
        """SIGKILL in the middle of whatever it does; back after `away_s`."""
        self._process.kill()
        self._process.wait()
        time.sleep(away_s)
        self._process = start(self.site.settings)
        self._wait()

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _wait(self) -> None:
        wait_until_it_answers(f"{self.site.url}/healthz", self._process)


@pytest.fixture
def killable(tmp_path, servers: EmbeddedServers, template_url: str) -> Iterator[Killable]:
    for database_url in copy_of(template_url):
        settings = make_settings(
            data_dir=tmp_path, database_url=database_url, broker_url=servers.broker_url, secret_key=SECRET,
            port=free_port(), local_admin=False,
        )  # fmt: skip
        engine = make_engine(database_url)
        site = Site(settings.site_url, settings, session_factory(engine), Artifacts(settings.artifacts))
        running = Killable(site)
        yield running
        running.end()
        engine.dispose()


@pytest.mark.slow
def test_what_a_page_showed_as_made_is_stored_exactly_once_however_often_the_site_is_killed(killable, browser) -> None:
    site, chance = killable.site, random.Random(0)
    people, study_id = furnish(site)
    pages = {person.id: open_page(browser, site, token, study_id) for token, person in people.items()}

    for page in pages.values():
        page.evaluate("localStorage.setItem('at work', 'yes')")
    for _ in range(KILLS):
        rest(pages, chance.uniform(3, 6))
        killable.kill(away_s=chance.uniform(0, 3))
        rest(pages, 1)
        chance.choice(list(pages.values())).reload()  # what it had not sent yet has to survive this too
    for page in pages.values():
        page.evaluate("localStorage.removeItem('at work')")

    seen = Counter(one for user_id, page in pages.items() for one in seen_by(site, user_id, page))
    assert len(seen) > 5 * PEOPLE
    assert max(seen.values()) == 1
    eventually(pages, lambda: seen - stored(site), Counter())
    assert stored(site) - seen == Counter()


def furnish(site: Site) -> tuple[dict[str, User], int]:
    """A study of tiny pictures with more pairs than will be answered, and people by their session's tokens."""
    picture = coded_pictures.webp(0, 64)
    for number in range(PAIRS):
        for sample in (0, 1):
            site.artifacts.put_bytes(picture_key(number, sample), picture)
    with transaction(site.sessions) as session:
        study_id = make_study(session, pairs=PAIRS, size=64, choices_per_pair=3).study_id
        return make_people(session, PEOPLE), study_id


def open_page(browser: Browser, site: Site, token: str, study_id: int) -> Page:
    context = browser.new_context(base_url=site.url, viewport=WINDOW)
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_cookies([{"name": COOKIE, "value": token, "url": site.url}])
    page = context.new_page()
    page.add_init_script(WORKER)
    page.goto(f"/annotate/{study_id}")
    return page


def rest(pages: dict[int, Page], seconds: float) -> None:
    """Let the pages work for a while."""
    next(iter(pages.values())).wait_for_timeout(1000 * seconds)


def seen_by(site: Site, user_id: int, page: Page) -> list[Seen]:
    """What a page showed as made."""
    links = PictureLinks(site.settings)
    noted = [
        (links.read(address.removeprefix("/i/")).sample_id, key)
        for address, key in page.evaluate("JSON.parse(localStorage.getItem('noted') ?? '[]')")
    ]
    with transaction(site.sessions) as session:
        firsts = dict(session.execute(select(Pair.first_id, Pair.id)).all())
        seconds = dict(session.execute(select(Pair.second_id, Pair.id)).all())
    seen = []
    for left, key in noted:
        meant = Answer.FIRST if (left in firsts) == (key == "1") else Answer.SECOND
        seen.append((user_id, firsts.get(left) or seconds[left], meant))
    return seen


def stored(site: Site) -> Counter[Seen]:
    """Every choice that stands."""
    with transaction(site.sessions) as session:
        rows = session.execute(select(Choice.user_id, Choice.pair_id, Choice.answer).where(Choice.undone_at.is_(None)))
        return Counter(tuple(row) for row in rows)


def eventually(pages: dict[int, Page], read: Callable[[], object], expected: object) -> None:
    """It comes to `expected` once everything that waits in the browsers is sent."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := read()) != expected and time.monotonic() < deadline:
        rest(pages, 0.5)
    assert found == expected

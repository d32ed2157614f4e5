"""What it costs that many people watch one round, and how soon a change is on their screens.

A round is being labeled: one choice a second comes in over HTTP, and a chunk writes its progress twice a second, as a
worker does. That goes on for a while with nobody watching, then with all dashboards open, then with none again; the
difference in processor time of site and PostgreSQL is what the dashboards cost. One of them is a page in a real
Chromium, in which an observer notes when the number of choices in the document changes; the others hold the same event
stream open and read it to its end.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import Unavailable
from app.models import Job, JobKind, JobState, Role, Round, Study
from app.services import accounts, jobs, labeling_views
from app.services.jobs import Claim
from app.supervisor.logs import Say
from app.web.identity import COOKIE
from bench import many_rounds
from bench.annotators import CSRF_TOKEN
from bench.chromium import chromium
from bench.connection import Connection
from bench.many_rounds import Size
from bench.processor import cpu_seconds
from bench.study import make_people
from bench.throwaway import Product, throwaway_product

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRESS_S = 0.5  # between two writes of progress
CHOICE_S = 1.0  # between two choices
SETTLING_S = 5.0  # after dashboards open or close, before time is taken
MEASURED = ("site", "postgres")
# the tile "Choices" of the round's labeling, whenever it changes: its number and when it stood in the document
OBSERVE = """() => {
  const read = () => document.querySelector("#round-labeling .tile__value")?.textContent.replace(/\\D/g, "");
  let last = read();
  window.changes = [];
  new MutationObserver(() => {
    const now = read();
    if (now === last) return;
    last = now;
    changes.push([Number(now), Date.now() / 1000]);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


@dataclass
class Happenings:
    """What went on: when each choice was sent, in seconds since 1970; whether it is to go on."""

    chosen: list[float] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def run(*, dashboards: int, seconds: float, pairs: int, say: Say) -> dict[str, Any]:
    """Cores that `dashboards` cost, over `seconds` with them and as many without, and how soon choices are seen."""
    with throwaway_product(say) as product:
        round_id, study_id, claim, admin, person = _furnish(product, pairs)
        before_all = _choices(product, study_id, round_id)
        with chromium() as browser, _going_on(product, study_id, claim, person) as happenings:
            say(f"{seconds:g} s with nobody watching …")
            before = _cores(product, seconds / 2)
            say(f"{seconds:g} s with {dashboards} dashboards …")
            with _streams(product, round_id, admin, dashboards - 1), _page(product, browser, round_id, admin) as page:
                page.evaluate(OBSERVE)
                begun = len(happenings.chosen)
                watched = _cores(product, seconds)
                made = happenings.chosen[begun:]
                changes = page.evaluate("changes")
                stood = page.evaluate("document.body.dataset.live")
            after = _cores(product, seconds / 2)
        for error in happenings.failed:
            raise error
    if stood != "stream":
        raise Unavailable("The page did not hold its event stream.", "Run it again on a machine that does less else.")
    seen = _delays(made, changes, before_all + begun)
    alone = {name: (before[name] + after[name]) / 2 for name in before}
    cost = {name: watched[name] - alone[name] for name in MEASURED}
    return {
        "core_share": round(sum(cost.values()), 4),
        "change_visible_s": round(float(np.median(seen)), 3),
        "change_visible_p95_s": round(float(np.percentile(seen, 95)), 3),
        "change_visible_max_s": round(max(seen), 3),
        "changes": len(seen),
        "dashboards": dashboards,
        "cost": {name: round(value, 4) for name, value in cost.items()},
        "without": {name: round(alone[name], 4) for name in MEASURED},
    }


def _furnish(product: Product, pairs: int) -> tuple[int, int, Claim, str, str]:
    """A round in labeling with a chunk that is being drawn; who watches it, and who labels it."""
    with transaction(product.sessions) as session:
        seeded = many_rounds.seed(session, Size(rounds=2, pairs=pairs, people=30, steps=50, beside=2))
    many_rounds.tidy(product.sessions.kw["bind"])
    with transaction(product.sessions) as session:
        round_id = seeded.rounds[-1]
        _deal_only_what_counts(session, seeded.study, round_id)
        job = session.scalars(
            select(Job).where(Job.round_id == round_id, Job.kind == JobKind.CHUNK).order_by(Job.id.desc()).limit(1)
        ).one()
        in_an_hour = func.now() + timedelta(hours=1)
        lease = {"state": JobState.RUNNING, "lease_until": in_an_hour, "ended_at": None}
        session.execute(update(Job).where(Job.id == job.id).values(lease))
        admin = accounts.add(session, handle="admin", role=Role.ADMIN, actor=None)
        session.flush()
        token = accounts.open_session(session, user=admin)
        person = next(iter(make_people(session, 1)))
        return round_id, seeded.study, jobs.claim_of(job), token, person


def _deal_only_what_counts(session: Session, study_id: int, round_id: int) -> None:
    """Neither gold nor repeats: every choice makes the number grow that the page shows."""
    for row in (session.get_one(Study, study_id), session.get_one(Round, round_id)):
        labeling = {**row.settings["labeling"], "gold_share": 0.0, "repeat_share": 0.0}
        row.settings = {**row.settings, "labeling": labeling}


def _choices(product: Product, study_id: int, round_id: int) -> int:
    """How many choices the round's page shows."""
    with transaction(product.sessions) as session:
        return sum(labeling_views.answers(session, round_id, study_id).values())


def _cores(product: Product, seconds: float) -> dict[str, float]:
    """Cores that each process used, on average, once things have settled."""
    time.sleep(SETTLING_S)
    begin, before = time.monotonic(), cpu_seconds(product)
    time.sleep(seconds)
    after, span = cpu_seconds(product), time.monotonic() - begin
    return {name: (after[name] - before[name]) / span for name in after}


@contextmanager
def _going_on(product: Product, study_id: int, claim: Claim, token: str) -> Iterator[Happenings]:
    """Choices and progress come in while the context lasts, from a thread of their own."""
    happenings = Happenings()

    def work() -> None:
        try:
            asyncio.run(_choose_and_draw(product, study_id, claim, token, happenings))
        except BaseException as error:  # noqa: BLE001 - said by whoever waits for the figures
            happenings.failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield happenings
    finally:
        happenings.over.set()
        thread.join()


async def _choose_and_draw(product: Product, study_id: int, claim: Claim, token: str, happenings: Happenings) -> None:
    """One choice a second by someone who labels, and twice a second the progress of a chunk."""
    connection = Connection(product.settings.local_host, product.settings.port, {"Cookie": f"{COOKIE}={token}"})
    page = await connection.send("GET", f"/annotate/{study_id}")
    csrf = CSRF_TOKEN.search(page.body)
    assert csrf is not None, page.body[:500]
    connection.headers["X-CSRF-Token"] = csrf[1].decode()
    step, began = 0, time.monotonic()
    while not happenings.over.is_set():
        with transaction(product.sessions) as session:
            jobs.progress(session, claim, done=step, total=1_000_000, unit="samples", per_second=3.0 + step % 2)
        if step % round(CHOICE_S / PROGRESS_S) == 0:
            await _choose(connection, study_id, happenings)
        step += 1
        await asyncio.sleep(max(began + step * PROGRESS_S - time.monotonic(), 0))
    connection.close()


async def _choose(connection: Connection, study_id: int, happenings: Happenings) -> None:
    dealt = await connection.send("GET", f"/api/v1/studies/{study_id}/next?count=1")
    pair = dealt.json()["pairs"][0]
    body = {"choice": "first", "key": str(uuid.uuid4()), "lease": pair["lease"], "response_ms": 1000}
    happenings.chosen.append(time.time())
    made = await connection.send("POST", f"/api/v1/pairs/{pair['pair']}/choice", body)
    assert made.status == 200, made.body[:500]


@contextmanager
def _streams(product: Product, round_id: int, token: str, count: int) -> Iterator[None]:
    """So many readers of the round's event stream, in a thread of their own."""
    over, ready, failed = threading.Event(), threading.Semaphore(0), list[BaseException]()

    async def read() -> None:
        reader, writer = await asyncio.open_connection(product.settings.local_host, product.settings.port)
        host = f"{product.settings.local_host}:{product.settings.port}"
        head = f"GET /live/rounds/{round_id} HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE}={token}\r\n\r\n"
        writer.write(head.encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        ready.release()
        while not over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    assert await reader.read(1 << 16), "the site closed the stream"
        writer.close()

    async def read_all() -> None:
        await asyncio.gather(*(read() for _ in range(count)))

    def work() -> None:
        try:
            asyncio.run(read_all())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(count):
            if not ready.acquire(timeout=30):
                raise Unavailable("Not every stream was opened.", "Run it again on a machine that does less else.")
        yield
    finally:
        over.set()
        thread.join()
    for error in failed:
        raise error


@contextmanager
def _page(product: Product, browser: "Browser", round_id: int, token: str) -> Iterator["Page"]:
    """The round's page in the browser, its stream open."""
    context = browser.new_context(base_url=product.settings.site_url)
    context.add_cookies([{"name": COOKIE, "value": token, "url": product.settings.site_url}])
    page = context.new_page()
    page.goto(f"/admin/rounds/{round_id}")
    page.wait_for_selector("body[data-live=stream]")
    try:
        yield page
    finally:
        context.close()


def _delays(chosen: Sequence[float], changes: Sequence[tuple[int, float]], before: int) -> list[float]:
    """For each choice, the seconds until the page showed it: each makes the number of choices, `before` them all, grow
    by one."""
    delays = []
    for number, sent in enumerate(chosen, start=before + 1):
        seen = next((at for shown, at in changes if shown >= number), None)
        if seen is not None:
            delays.append(seen - sent)
    if len(delays) < max(len(chosen) - 4, 1):
        raise Unavailable(f"Of {len(chosen)} choices the page showed {len(delays)}.", "Its site's log says more.")
    return delays

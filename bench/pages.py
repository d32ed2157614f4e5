"""How long every page of admins and researchers takes beside a study of a thousand rounds, a million pairs and three
million choices, and how many queries: the same number as beside a small one, or it says so.

Pages are asked for over HTTP, one after the other, on a site and a PostgreSQL as `tastemaker up` runs them, with its
sweep at work. Queries are counted in a site inside this process, on the same database. What the pages are is read off
the site's routes: one that is not named in `PLACES` or `NO_PAGES` is an error.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import numpy as np
from fastapi.routing import APIRoute
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import Unavailable
from app.main import PAGES, create_app
from app.models import Choice, Event, Pair, Role, Round, RoundKind
from app.services import accounts, sweep
from app.settings import Settings
from app.supervisor.logs import Say
from app.web.house_parts import PARTS as HOUSE_PARTS
from app.web.identity import COOKIE
from app.web.round_parts import PARTS
from bench import many_rounds
from bench.connection import Connection
from bench.many_rounds import LARGE, SMALL, Seeded, Size
from bench.throwaway import Product, throwaway_product

WARM_UP = 2  # requests that do not count
AIM_MS = 300
SWEEPS = 5
LONGEST_STATEMENT = 300  # characters of one that are said
OURS = ("/admin", "/research")
HTMX = {"HX-Request": "true"}

# addresses of each page by its route; one with `part=` is asked for as htmx asks
PLACES: dict[str, tuple[str, ...]] = {
    "/admin": ("/admin", "/admin?archived=true"),
    "/admin/users": ("/admin/users", "/admin/users?named=person"),
    "/admin/users/{user_id}": ("/admin/users/{person}",),
    "/admin/house": ("/admin/house", *(f"/admin/house?part={name}" for name in HOUSE_PARTS)),
    "/admin/house/failed": ("/admin/house/failed",),
    "/admin/house/files": ("/admin/house/files",),
    "/admin/house/check": ("/admin/house/check",),
    "/admin/log": (
        "/admin/log",
        "/admin/log?before={event}",
        "/admin/log?study={study}&kind=rounds",
        "/admin/log?who=person",
    ),
    "/admin/payments": ("/admin/payments", "/admin/payments?study={study}&per_hour=12"),
    "/admin/webhooks": ("/admin/webhooks",),
    "/admin/webhooks/{webhook_id:int}": ("/admin/webhooks/{webhook}",),
    "/admin/mail": ("/admin/mail",),
    "/admin/imports": ("/admin/imports",),
    "/admin/models": ("/admin/models",),
    "/admin/invites": ("/admin/invites",),
    "/admin/studies/{study_id:int}": ("/admin/studies/{study}", "/admin/studies/{quiet_study}"),
    "/admin/studies/{study_id:int}/settings": ("/admin/studies/{study}/settings",),
    "/admin/tries/{try_id:int}": ("/admin/tries/{try_}",),
    "/admin/studies/{study_id:int}/labeling": ("/admin/studies/{study}/labeling",),
    "/admin/studies/{study_id:int}/people": (
        "/admin/studies/{study}/people",
        "/admin/studies/{study}/people?view=table&sort=time",
        "/admin/studies/{study}/people?round={complete}",
        "/admin/studies/{quiet_study}/people",
    ),
    "/admin/studies/{study_id:int}/people/{user_id:int}/leave_out": (
        "/admin/studies/{study}/people/{person}/leave_out",
    ),
    "/admin/studies/{study_id:int}/gold": (
        "/admin/studies/{study}/gold",
        "/admin/studies/{study}/gold?show=set",
        "/admin/studies/{study}/gold?before={pair}",
        "/admin/studies/{quiet_study}/gold",
    ),
    "/admin/studies/new": ("/admin/studies/new", "/admin/studies/new?like={study}"),
    "/admin/prompts": ("/admin/prompts",),
    "/admin/prompts/new": ("/admin/prompts/new", "/admin/prompts/new?version_of={prompt_set}"),
    "/admin/prompts/{prompt_set_id:int}": ("/admin/prompts/{prompt_set}?study={study}",),
    "/admin/rounds/{round_id}": (
        "/admin/rounds/{labeling}",
        "/admin/rounds/{complete}",
        "/admin/rounds/{comparison}",
        *(
            f"/admin/rounds/{{{'labeling' if RoundKind.PREFERENCE in part.kinds else 'comparison'}}}?part={name}"
            for name, part in PARTS.items()
        ),
    ),
    "/admin/rounds/{round_id:int}/log": ("/admin/rounds/{labeling}/log", "/admin/rounds/{complete}/log?job=training"),
    "/admin/studies/{study_id:int}/launch": ("/admin/studies/{study}/launch",),
    "/research": ("/research", "/research?study={study}"),
    "/research/compare": ("/research/compare?one={checkpoint}&other={first_checkpoint}",),
    "/research/studies/{study_id:int}/better": (
        "/research/studies/{study}/better",
        "/research/studies/{study}/better?which=spread&sampler=ddim",
    ),
    "/research/studies/{study_id:int}/agreement": (
        "/research/studies/{study}/agreement",
        "/research/studies/{study}/agreement?round={complete}",
    ),
    "/research/studies/{study_id:int}/exports": ("/research/studies/{study}/exports",),
    "/research/studies/{study_id:int}/playground": ("/research/studies/{study}/playground",),
    "/research/tries/{try_id:int}": ("/research/tries/{played}",),
    "/research/checkpoints/{checkpoint_id}": (
        "/research/checkpoints/{checkpoint}",
        "/research/checkpoints/{checkpoint}?sampler=ddim",
    ),
    "/research/checkpoints/{checkpoint_id:int}/pushes": ("/research/checkpoints/{checkpoint}/pushes?part=all",),
}
NO_PAGES = {
    "/admin/": "is /admin",
    "/research/": "is /research",
    "/admin/log/events.csv": "a file",
    "/admin/payments/payments.csv": "a file",
    "/admin/studies/{study_id:int}/file": "a file",
    "/admin/rounds/{round_id:int}/log.txt": "a file",
}


def run(*, repeats: int, say: Say, size: Size = LARGE) -> dict[str, Any]:
    """The times and queries of each page, and what the sweep takes beside them."""
    require_all_named()
    with throwaway_product(say) as product:
        token = admin_token(product)
        small = _seed(product, SMALL, lambda line: None)
        few = statements(product.settings, token, addresses(small))
        began = time.monotonic()
        large = _seed(product, size, say)
        took = time.monotonic() - began
        say("Counting queries …")
        many = statements(product.settings, token, addresses(large))
        say_what_grows(many, few, say)
        say(f"Asking for {len(many)} pages, {repeats} times each …")
        times = asyncio.run(_ask(product, token, addresses(large), repeats))
        return _figures(product, times, many, few) | {"seeding_s": round(took)}


def require_all_named() -> None:
    """Raises `Unavailable` where the site has a page that this does not know, or this knows one that is gone."""
    routes = {
        route.path
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path.startswith(OURS)
    }
    wrong = sorted(routes ^ (PLACES.keys() | NO_PAGES.keys()))
    if wrong:
        raise Unavailable(
            f"Pages and bench/pages.py differ in {', '.join(wrong)}.", "Name them there, or take them out."
        )


def addresses(seeded: Seeded) -> dict[str, str]:
    """Every page's address with ids in it, by its address without."""
    ids = {
        **{name: str(getattr(seeded, name)) for name in seeded.__dataclass_fields__},
        "labeling": str(seeded.rounds[-1]),
        "complete": str(seeded.rounds[-2]),
        "checkpoint": str(seeded.checkpoints[-1]),
        "first_checkpoint": str(seeded.checkpoints[0]),
    }
    return {named: named.format_map(ids) for places in PLACES.values() for named in places}


def admin_token(product: Product) -> str:
    """The session of someone who may see all of it."""
    with transaction(product.sessions) as session:
        user = accounts.add(session, handle="admin", role=Role.ADMIN, actor=None)
        session.flush()
        return accounts.open_session(session, user=user)


def say_what_grows(many: Mapping[str, Sequence[str]], few: Mapping[str, Sequence[str]], say: Say) -> None:
    """The statements that a page sends beside many rounds more often than beside few."""
    for name, sent in many.items():
        for statement, times in (Counter(sent) - Counter(few[name])).items() if len(sent) > len(few[name]) else ():
            say(f"{name} sends {times} more: {' '.join(statement.split())[:LONGEST_STATEMENT]}")


def statements(settings: Settings, token: str, pages: Mapping[str, str]) -> dict[str, list[str]]:
    """The statements that each page sends, the caller's own session looked up among them."""
    app = create_app(settings)
    try:
        return asyncio.run(_count(app, app.state.engine, settings, token, pages))
    finally:
        app.state.engine.dispose()


async def _count(
    app: Any, engine: Engine, settings: Settings, token: str, pages: Mapping[str, str]
) -> dict[str, list[str]]:
    transport, found = httpx2.ASGITransport(app=app), dict[str, list[str]]()
    async with httpx2.AsyncClient(transport=transport, base_url=settings.site_url, cookies={COOKIE: token}) as client:
        await client.get("/account")  # the first request in a while also notes when its session was seen
        for name, path in pages.items():
            with counted(engine) as seen:
                response = await client.get(path, headers=HTMX if "part=" in path else {})
            _require_ok(path, response.status_code)
            found[name] = seen
    return found


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that `engine` executes inside the block."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _seed(product: Product, size: Size, say: Say) -> Seeded:
    with transaction(product.sessions) as session:
        seeded = many_rounds.seed(session, size, say)
    say("Statistics …")
    many_rounds.tidy(product.sessions.kw["bind"])
    return seeded


async def _ask(product: Product, token: str, pages: Mapping[str, str], repeats: int) -> dict[str, list[float]]:
    """The milliseconds of each request. Pages are asked for in turn, so that whatever else happens falls on all."""
    address = (product.settings.local_host, product.settings.port)
    connections = [Connection(*address, {"Cookie": f"{COOKIE}={token}", **more}) for more in ({}, HTMX)]
    took: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(WARM_UP + repeats):
        for name, path in pages.items():
            begin = time.perf_counter()
            response = await connections["part=" in path].send("GET", path)
            took[name].append(1000 * (time.perf_counter() - begin))
            _require_ok(path, response.status)
    for connection in connections:
        connection.close()
    return {name: values[WARM_UP:] for name, values in took.items()}


def _require_ok(path: str, status: int) -> None:
    if status != 200:
        raise Unavailable(f"{path} answered {status}.", "The site's log says more.")


def _figures(
    product: Product,
    times: Mapping[str, Sequence[float]],
    many: Mapping[str, Sequence[str]],
    few: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    pages = {
        name: {**percentiles(values), "queries": len(many[name]), "queries_small": len(few[name])}
        for name, values in times.items()
    }
    return {
        "pages": pages,
        "slowest_p95_ms": max(page["p95_ms"] for page in pages.values()),
        "slow": [name for name, page in pages.items() if page["p95_ms"] > AIM_MS],
        "growing": [name for name in pages if len(many[name]) > len(few[name])],
        "sweep_ms": _sweep_ms(product),
        **_rows(product),
    }


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    middle, high = np.percentile(milliseconds, [50, 95])
    return {"p50_ms": round(float(middle), 1), "p95_ms": round(float(high), 1)}


def _sweep_ms(product: Product) -> float:
    """The median of some sweeps of this process's own, each as soon as no other is at it."""
    took: list[float] = []
    while len(took) < SWEEPS:
        begin = time.perf_counter()
        if sweep.sweep(product.sessions):
            took.append(1000 * (time.perf_counter() - begin))
    return round(float(np.median(took)), 1)


def _rows(product: Product) -> dict[str, int]:
    def count(session: Session, query: Any) -> int:
        return int(session.scalar(query) or 0)

    with transaction(product.sessions) as session:
        return {
            "rounds": count(session, select(func.count()).where(Round.kind == RoundKind.PREFERENCE)),
            "pairs": count(session, select(func.count(Pair.id))),
            "choices": count(session, select(func.count(Choice.id))),
            "events": count(session, select(func.count(Event.id))),
        }

"""Simulated annotators: each opens the pair page, thinks, answers, takes the next, and keeps a record.

They ask as the page's script asks (its leases first, three pairs at a time), and send an answer again with the same key
until the site has acknowledged it.
"""

import asyncio
import json
import random
import re
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.web.identity import COOKIE
from bench.connection import Connection, Response

AHEAD = 3  # pairs that the page asks for: the one on the screen and two behind it
PATIENCE_S = 0.5  # before something that failed is tried again
ANSWERS = ("first", "second", "tie")
CSRF_TOKEN = re.compile(rb'name="csrf-token" content="([^"]*)"')
START = re.compile(rb'id="start">(.*?)</script>', re.DOTALL)
OK = 200


@dataclass
class Handed:
    """A pair that the site handed to one annotator, in seconds since 1970."""

    pair: int
    given: float
    expires: float


@dataclass
class Made:
    """One answer: when it was first sent, and once acknowledged, how long it and the next pairs took (seconds)."""

    pair: int
    lease: int
    answer: str
    sent: float
    acknowledged: bool = False
    took: float | None = None


@dataclass
class Record:
    """What one annotator saw: leases by id, answers by key, and how often something had to be tried again."""

    handed: dict[int, Handed] = field(default_factory=dict)
    made: dict[uuid.UUID, Made] = field(default_factory=dict)
    failures: int = 0
    waits: int = 0


class Day:
    """What all annotators share: whether thinking is over, and whether the day is."""

    def __init__(self) -> None:
        self.rush = asyncio.Event()
        self.over = False

    async def think(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.rush.wait(), seconds)


class Annotator:
    """One person at one study, by the token of a session."""

    def __init__(self, address: tuple[str, int], token: str, study_id: int, seed: int, thinks_s: float) -> None:
        self.record = Record()
        self._connection = Connection(*address, {"Cookie": f"{COOKIE}={token}"})
        self._study_id = study_id
        self._chance = random.Random(seed)  # noqa: S311 - for pauses and answers
        self._thinks_s = thinks_s
        self._stock: list[dict[str, Any]] = []

    async def open_page(self) -> None:
        """The pair page, whose form token every answer carries and which brings the first pairs."""
        page = (await self._ask("GET", f"/annotate/{self._study_id}")).body
        token, start = CSRF_TOKEN.search(page), START.search(page)
        assert token is not None, page[:500]
        assert start is not None, page[:500]
        self._connection.headers["X-CSRF-Token"] = token[1].decode()
        self._take(json.loads(start[1])["dealt"])

    async def work(self, day: Day) -> None:
        """Answer pairs until the day is over; what was begun is finished."""
        while not day.over:
            if not self._stock:
                self.record.waits += 1
                await asyncio.sleep(PATIENCE_S)
                await self._fetch()
                continue
            pair = self._stock.pop(0)
            await day.think(self._chance.expovariate(1 / self._thinks_s))
            await self._answer(pair)
        self._connection.close()

    async def _answer(self, pair: dict[str, Any]) -> None:
        key = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        made = Made(pair["pair"], pair["lease"], self._chance.choice(ANSWERS), time.time())
        self.record.made[key] = made
        body = {"choice": made.answer, "key": str(key), "lease": made.lease, "response_ms": 1000}
        await self._ask("POST", f"/api/v1/pairs/{made.pair}/choice", body)
        made.acknowledged = True
        await self._fetch()
        made.took = time.time() - made.sent

    async def _fetch(self) -> None:
        response = await self._ask("GET", f"/api/v1/studies/{self._study_id}/next?count={AHEAD}")
        self._take(response.json())

    def _take(self, dealt: dict[str, Any]) -> None:
        now = time.time()
        spent = {made.lease for made in self.record.made.values()} | {pair["lease"] for pair in self._stock}
        for pair in dealt["pairs"]:
            expires = datetime.fromisoformat(pair["expires_at"]).timestamp()
            self.record.handed.setdefault(pair["lease"], Handed(pair["pair"], now, expires)).expires = expires
            if pair["lease"] not in spent:
                self._stock.append(pair)

    async def _ask(self, method: str, path: str, body: Any = None) -> Response:
        """The answer to a request, which is sent again until there is one."""
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                response = await self._connection.send(method, path, body)
                if response.status == OK:
                    return response
                if response.status < 500:
                    raise AssertionError(f"{method} {path}: {response.status} {response.body[:500]!r}")
            self.record.failures += 1
            await asyncio.sleep(PATIENCE_S)

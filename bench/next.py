"""What the next pair costs, by how many there are: the same request in a study of a thousand pairs and of a million.

Over HTTP, on a site and a PostgreSQL as `tastemaker up` runs them. Each request comes after an answer, so that a pair
has to be found for it. The studies are asked in turn, so that whatever else the machine does falls on all alike.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import Round, User
from app.supervisor.logs import Say
from app.web.identity import COOKIE
from bench.annotators import AHEAD, CSRF_TOKEN
from bench.connection import Connection
from bench.study import make_people, make_study
from bench.throwaway import Product, throwaway_product

PLACES = 3  # choices that the studies ask for per pair
WARM_UP = 20  # requests that do not count

# what someone has answered: the first pairs of a round, each with a lease and a choice
ANSWERED = (
    """
    INSERT INTO leases (pair_id, user_id, purpose, first_on_left, given_at, expires_at)
    SELECT id, :user, 'counted', true, now() - interval '1 hour', now() - interval '1 hour'
    FROM pairs WHERE round_id = :round ORDER BY id LIMIT :count
    """,
    """
    INSERT INTO choices (key, lease_id, pair_id, user_id, answer, late, extra, reasons, comment, made_at)
    SELECT gen_random_uuid(), leases.id, pair_id, user_id, 'first', false, false, '[]', '', given_at
    FROM leases JOIN pairs ON pairs.id = pair_id WHERE user_id = :user AND round_id = :round
    """,
    """
    UPDATE pairs SET filled = filled + 1 FROM leases
    WHERE leases.pair_id = pairs.id AND leases.user_id = :user AND round_id = :round
    """,
)


@dataclass
class Asker:
    """One person in one study, and how long each of their requests took, in milliseconds."""

    name: str
    connection: Connection
    study_id: int
    took: list[float] = field(default_factory=list)

    async def open_page(self) -> None:
        """Take the form token that every answer carries."""
        page = await self.connection.send("GET", f"/annotate/{self.study_id}")
        token = CSRF_TOKEN.search(page.body)
        assert token is not None, page.body[:500]
        self.connection.headers["X-CSRF-Token"] = token[1].decode()

    async def ask_and_answer(self) -> None:
        """Ask for the next pairs, and answer the first."""
        begin = time.perf_counter()
        response = await self.connection.send("GET", f"/api/v1/studies/{self.study_id}/next?count={AHEAD}")
        self.took.append(1000 * (time.perf_counter() - begin))
        assert response.status == 200, response.body[:500]
        pair = response.json()["pairs"][0]
        body = {"choice": "first", "key": str(uuid.uuid4()), "lease": pair["lease"], "response_ms": 1000}
        made = await self.connection.send("POST", f"/api/v1/pairs/{pair['pair']}/choice", body)
        assert made.status == 200, made.body[:500]


def run(*, pairs: Sequence[int], answered: int, repeats: int, say: Say) -> dict[str, Any]:
    """Medians in a study of `pairs[0]` and of `pairs[1]` pairs and their ratio; and in the larger one for someone who
    has answered `answered` of its open pairs already."""
    with throwaway_product(say) as product:
        say(f"Writing {sum(pairs):,} pairs …")
        askers = _askers(product, pairs, answered)
        say(f"{repeats} requests of each …")
        asyncio.run(_ask_in_turn(askers, repeats))
    small, large, veteran = (median(asker.took[WARM_UP:]) for asker in askers)
    return {
        "ratio": round(large / small, 3),
        "ratio_after_many_answers": round(veteran / small, 3),
        "pairs": list(pairs),
        "answered": answered,
        "small_ms": round(small, 2),
        "large_ms": round(large, 2),
        "after_many_answers_ms": round(veteran, 2),
    }


def _askers(product: Product, pairs: Sequence[int], answered: int) -> list[Asker]:
    """A newcomer in each study, and in the larger one someone who has answered many of its pairs."""
    address = (product.settings.local_host, product.settings.port)
    with transaction(product.sessions) as session:
        small, large = (make_study(session, pairs=count, size=512, choices_per_pair=PLACES) for count in pairs)
        people = make_people(session, 4)
        newcomer, other, veteran, helper = people.values()
        _answer(session, large, veteran, answered)
        _answer(session, small, helper, answered * pairs[0] // pairs[1])
        asking = [("small", small, newcomer), ("large", large, other), ("after many answers", large, veteran)]
        tokens = {person.id: token for token, person in people.items()}
        return [
            Asker(name, Connection(*address, {"Cookie": f"{COOKIE}={tokens[person.id]}"}), round_.study_id)
            for name, round_, person in asking
        ]


def _answer(session: Session, round_: Round, person: User, count: int) -> None:
    for statement in ANSWERED:
        session.execute(text(statement), {"user": person.id, "round": round_.id, "count": count})
    for table in ("leases", "choices", "pairs"):
        session.execute(text(f"ANALYZE {table}"))


async def _ask_in_turn(askers: list[Asker], repeats: int) -> None:
    for asker in askers:
        await asker.open_page()
    for number in range(WARM_UP + repeats):
        for asker in askers[number % len(askers) :] + askers[: number % len(askers)]:
            await asker.ask_and_answer()
    for asker in askers:
        asker.connection.close()

"""Many requests at once: each is answered, however few connections the database gives."""

import asyncio

import httpx

from app.db import transaction
from app.models import Role
from app.services import accounts
from app.web.identity import COOKIE
from tests import builders

AT_ONCE = 150
PATIENCE_S = 25  # less than the 30 s after which a request that waits for a connection in vain would fail


def test_a_rush_of_requests_does_not_stand_still(app, factory):
    with transaction(factory) as session:
        token = accounts.open_session(session, user=builders.user(session, role=Role.ADMIN))

    async def rush() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://tastemaker.test", cookies={COOKIE: token}
        ) as client:
            asked = asyncio.gather(*(client.get("/api/v1/studies") for _ in range(AT_ONCE)))
            return await asyncio.wait_for(asked, PATIENCE_S)

    assert {response.status_code for response in asyncio.run(rush())} == {200}

"""No page of admins and researchers asks more of the database because there is more of anything.

The pages are those of `tastemaker bench pages`, which fails where the site has one that it does not know.
"""

from fastapi import FastAPI
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from bench import many_rounds, pages
from bench.many_rounds import SMALL, Size
from tests.queries import counted

LARGER = Size(rounds=9, pairs=12, choices=3, people=12, steps=20, prompts=8, beside=9)


def test_every_page_of_the_site_is_known_to_the_benchmark():
    pages.require_all_named()


def test_no_page_sends_more_queries_for_more_rows(admin, app: FastAPI, factory: sessionmaker[Session]):
    few = queries(admin, app, seeded(factory, SMALL))
    many = queries(admin, app, seeded(factory, LARGER))
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}


def seeded(factory: sessionmaker[Session], size: Size) -> dict[str, str]:
    with transaction(factory) as session:
        return pages.addresses(many_rounds.seed(session, size))


def queries(admin, app: FastAPI, addresses: dict[str, str]) -> dict[str, int]:
    """How many statements each page sends."""
    found = {}
    for name, path in addresses.items():
        with counted(app.state.engine) as seen:
            answer = admin.get(path, headers=pages.HTMX if "part=" in path else {})
        assert answer.status_code == 200, path
        found[name] = len(seen)
    return found

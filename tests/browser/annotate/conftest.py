"""A study with pairs to answer, someone to answer them, and what was stored."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from app.db import transaction
from app.models import Choice, Lease, User
from tests import builders
from tests.browser.annotate.steps import as_side, wait_for_pair

PAIRS = 6


@pytest.fixture
def make_study(site) -> Callable[..., int]:
    """`make_study(pairs=, size=, **labeling)`: a study with a round of pairs to answer."""

    def make(*, pairs: int = PAIRS, size: int = builders.SIZE, **labeling: object) -> int:
        with transaction(site.sessions) as session:
            study = builders.study(session, settings=builders.settings(labeling=labeling))
            round_ = builders.round_(session, study_id=study.id)
            for _ in range(pairs):
                builders.pair(session, round_id=round_.id, artifacts=site.artifacts, size=size)
            return study.id

    return make


@pytest.fixture
def study(make_study) -> int:
    """A study with a round of `PAIRS` pairs to answer."""
    return make_study()


@pytest.fixture
def me(site) -> User:
    with transaction(site.sessions) as session:
        return builders.user(session, handle="ada")


@pytest.fixture
def page(open_as, me, study) -> Page:
    """The pair page, ready to be answered."""
    page = open_as(me, f"/annotate/{study}")
    wait_for_pair(page)
    return page


@pytest.fixture
def stored(site) -> Callable[[], list[str]]:
    """The standing choices so far, in order, as the side of the screen that they meant."""

    def read() -> list[str]:
        with transaction(site.sessions) as session:
            rows = session.execute(
                select(Choice, Lease)
                .join(Lease, Lease.id == Choice.lease_id)
                .where(Choice.undone_at.is_(None))
                .order_by(Choice.id)
            ).all()
            return [as_side(choice.answer, lease.first_on_left) for choice, lease in rows]

    return read

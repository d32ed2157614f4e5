"""The client in front of the real site: who answers, and what they are paid."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.db import transaction
from app.models import Role as Who
from app.services import tallies
from tastemaker.client import BadInput, Client, Conflict
from tests import builders, scenes
from tests.browser.conftest import Site

As = Callable[..., Client]

PEOPLE = 201  # one more than a page of the sheet has


def test_someone_is_paused_left_out_and_counted_again(site: Site, as_: As) -> None:
    with transaction(site.sessions) as session:
        study = scenes.open_study(session, site.artifacts)
    admin, person = as_(Who.ADMIN), as_(Who.ANNOTATOR)
    answers = person.annotating.answer_all(study.id, lambda shown: "first")
    next(answers)
    next(answers)
    them = person.me().id
    paused = admin.annotators.pause(study.id, them, reason="Have a rest.")
    assert (paused.paused_reason, paused.paused_by) == ("Have a rest.", admin.me().name)
    assert person.annotating.next(study.id).message == "Have a rest."
    assert admin.annotators.resume(study.id, them).paused_at is None
    assert len(person.annotating.next(study.id).pairs) == 1
    with transaction(site.sessions) as session:
        tallies.catch_up(session)  # which the site does by itself within seconds
    told = admin.annotators.preview_leaving_out(study.id, them)
    (change,) = told.rounds
    assert (told.choices, change.pairs, change.turns["lost"], change.opened) == (2, 2, 2, 2)
    (seen,) = admin.studies.quality(study.id).annotators
    assert (seen.user, seen.choices, seen.answers["first"], seen.left_out_at) == (them, 2, 2, None)
    assert seen.times is not None
    assert (seen.left.of, seen.repeats.same, seen.agreement) == (2, 0, None)
    assert admin.annotators.leave_out(study.id, them).left_out_at is not None
    with pytest.raises(Conflict, match="left out already"):
        admin.annotators.preview_leaving_out(study.id, them)
    assert admin.annotators.take_back(study.id, them).left_out_at is None


def test_a_sheet_comes_over_all_its_pages_and_no_cent_is_lost(site: Site, as_: As) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    with transaction(site.sessions) as session:
        pair = builders.pair(session)
        for _ in range(PEOPLE):
            person = builders.user(session)
            lease = builders.lease(session, pair_id=pair.id, user_id=person.id, given_at=noon - timedelta(minutes=9))
            builders.choice(session, lease_id=lease.id, made_at=noon, response_ms=6000)
    payments = as_(Who.ADMIN).payments
    march = {"since": date(2026, 3, 1), "until": date(2026, 3, 31), "zone": "Europe/Berlin"}
    sheet = payments.sheet(**march, per_choice=Decimal("0.07"), per_hour=6)
    assert (sheet.totals.people, sheet.totals.choices) == (PEOPLE, PEOPLE)
    assert sheet.totals.minutes == Decimal("20.10")
    assert sheet.totals.amount == Decimal("16.08")
    lines = list(sheet.lines)
    assert len({line.user_id for line in lines}) == len(lines) == PEOPLE
    assert {(line.day, line.minutes, line.amount) for line in lines} == {
        (date(2026, 3, 10), Decimal("0.10"), Decimal("0.08"))
    }
    assert sum(line.amount for line in lines) == sheet.totals.amount
    with pytest.raises(BadInput, match="such as Europe/Berlin"):
        payments.sheet(zone="Berlin")
    assert list(payments.sheet(since=date(2026, 4, 1), until=date(2026, 4, 2)).lines) == []

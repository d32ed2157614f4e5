"""The annotators' own records against the database: what was lost, what stands twice, which place was given twice."""

import math
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Choice, Lease, Purpose
from bench.annotators import Handed, Record


def lost_and_double(session: Session, records: Iterable[Record]) -> tuple[int, int]:
    """Answers that the site acknowledged and does not have; and choices beyond one for each answer and each lease."""
    made = {key: one for record in records for key, one in record.made.items()}
    stored = {choice.key: choice for choice in session.scalars(select(Choice).where(Choice.undone_at.is_(None)))}
    lost = sum(
        key not in stored or (stored[key].pair_id, stored[key].answer.value) != (one.pair, one.answer)
        for key, one in made.items()
        if one.acknowledged
    )
    strangers = len(stored.keys() - made.keys())
    twice = len(stored) - len({(choice.user_id, choice.pair_id) for choice in stored.values()})
    return lost, strangers + twice


def over_quota(session: Session, records: Iterable[Record], places: int) -> int:
    """Places handed to two people at once, as the annotators saw it or as the database has it, whichever is more."""
    return max(crowded(_as_seen(records), places), crowded(_as_stored(session), places))


def crowded(handed: Iterable[Handed], places: int) -> int:
    """How often a pair was handed out while all its `places` were held or filled; a filled one never expires."""
    holders: dict[int, list[float]] = {}
    count = 0
    for one in sorted(handed, key=lambda one: one.given):
        until = holders.setdefault(one.pair, [])
        count += sum(end > one.given for end in until) >= places
        until.append(one.expires)
    return count


def _as_seen(records: Iterable[Record]) -> list[Handed]:
    handed = []
    for record in records:
        answered = {made.lease for made in record.made.values() if made.acknowledged}
        for lease, one in record.handed.items():
            handed.append(Handed(one.pair, one.given, math.inf if lease in answered else one.expires))
    return handed


def _as_stored(session: Session) -> list[Handed]:
    answered = Counter(session.scalars(select(Choice.lease_id).where(Choice.undone_at.is_(None))))
    return [
        Handed(
            lease.pair_id,
            lease.given_at.timestamp(),
            math.inf if lease.id in answered else lease.expires_at.timestamp(),
        )
        for lease in session.scalars(select(Lease).where(Lease.purpose == Purpose.COUNTED))
    ]

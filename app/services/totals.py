"""A round's totals: counted by the sweep, read by pages."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Choice, Group, Job, JobKind, JobState, Pair, PairState, Round, RoundKind, RoundTotals, Sample


def refresh(session: Session, round_: Round) -> None:
    """Count the round anew into its row of totals."""
    totals = session.get(RoundTotals, round_.id) or RoundTotals(round_id=round_.id)
    session.add(totals)
    totals.pairs, totals.pairs_closed = session.execute(
        select(func.count(), func.count().filter(Pair.state == PairState.CLOSED)).where(
            Pair.round_id == round_.id, Pair.state != PairState.VOID
        )
    ).one()
    totals.choices = _count(
        session,
        select(func.count(Choice.id))
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Pair.round_id == round_.id, Choice.undone_at.is_(None)),
    )
    totals.groups_drawn = (
        _count(
            session,
            select(func.count(Group.id.distinct()))
            .join(Sample, Sample.group_id == Group.id)
            .where(Group.round_id == round_.id),
        )
        if round_.kind == RoundKind.PREFERENCE
        else totals.pairs
    )
    totals.chunks_failed = _count(
        session,
        select(func.count(Job.id)).where(
            Job.round_id == round_.id, Job.kind == JobKind.CHUNK, Job.state == JobState.FAILED
        ),
    )
    totals.refreshed_at = func.now()


def _count(session: Session, query) -> int:  # type: ignore[no-untyped-def]  # any select of one number
    return int(session.scalar(query) or 0)

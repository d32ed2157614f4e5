"""A round's totals: counted by the sweep, read by pages."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models import Choice, Group, Job, JobKind, JobState, Pair, PairState, Round, RoundKind, RoundTotals, Sample


def refresh(session: Session, round_: Round) -> None:
    """Count the round anew into its row of totals."""
    totals = session.get(RoundTotals, round_.id) or RoundTotals(round_id=round_.id, groups_drawn=0)
    pairs, closed, choices = session.execute(
        select(
            func.count(),
            func.count().filter(Pair.state == PairState.CLOSED),
            func.coalesce(func.sum(Pair.filled + Pair.skipped), 0),
        ).where(Pair.round_id == round_.id, Pair.state != PairState.VOID)
    ).one()
    alike = _count(session, select(func.count()).where(Pair.round_id == round_.id, Pair.alike))
    open_answered = _open_answered(session, round_)
    groups_drawn = pairs if round_.kind == RoundKind.EVALUATION else _groups_drawn(session, round_, totals)
    chunks_failed = _count(
        session,
        select(func.count(Job.id)).where(
            Job.round_id == round_.id, Job.kind == JobKind.CHUNK, Job.state == JobState.FAILED
        ),
    )
    totals.pairs, totals.pairs_closed, totals.choices, totals.open_answered = pairs, closed, choices, open_answered
    totals.pairs_alike, totals.groups_drawn, totals.chunks_failed = alike, groups_drawn, chunks_failed
    totals.refreshed_at = func.now()
    session.add(totals)


def _groups_drawn(session: Session, round_: Round, before: RoundTotals) -> int:
    """How many groups of the round have their pictures. Once all have them, that needs no counting any more."""
    if before.groups_drawn >= round_.groups:
        return before.groups_drawn
    drawn = select(func.count(Group.id.distinct())).join(Sample, Sample.group_id == Group.id)
    return _count(session, drawn.where(Group.round_id == round_.id))


def added(session: Session, round_id: int, pairs: int, *, alike: int = 0) -> None:
    """Pairs were written: they wait for people at once, not only after the next sweep. `alike`: left out."""
    grown = {"pairs": RoundTotals.pairs + pairs, "pairs_alike": RoundTotals.pairs_alike + alike}
    session.execute(update(RoundTotals).where(RoundTotals.round_id == round_id).values(grown))


def _open_answered(session: Session, round_: Round) -> dict[str, int]:
    """How many of the round's open pairs each person has answered, by user id."""
    rows = session.execute(
        select(Choice.user_id, func.count(Choice.pair_id.distinct()))
        .join(Pair, Pair.id == Choice.pair_id)
        .where(
            Pair.round_id == round_.id,
            Pair.state == PairState.OPEN,
            Pair.filled + Pair.skipped > 0,
            Choice.undone_at.is_(None),
        )
        .group_by(Choice.user_id)
    )
    return {str(user_id): pairs for user_id, pairs in rows}


def _count(session: Session, query) -> int:  # type: ignore[no-untyped-def]  # any select of one number
    return int(session.scalar(query) or 0)

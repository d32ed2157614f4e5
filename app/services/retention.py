"""Retention: trajectories are kept for open and for the newest rounds; then the files go and the rows stay."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import FINAL, Group, Round, RoundKind, Sample

ROUNDS_KEPT = 3
AT_ONCE = 200


def release(session: Session, study_id: int) -> list[str]:
    """Mark some trajectories that are no longer kept as removed; returns their keys, to be deleted after the commit."""
    newest = (
        select(Round.id)
        .where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
        .order_by(Round.number.desc())
        .limit(ROUNDS_KEPT)
    )
    rows = session.scalars(
        select(Sample)
        .join(Group, Group.id == Sample.group_id)
        .join(Round, Round.id == Group.round_id)
        .where(
            Round.study_id == study_id,
            Round.state.in_(FINAL),
            Round.id.not_in(newest),
            Sample.trajectory_key.is_not(None),
            Sample.trajectory_removed_at.is_(None),
        )
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=Sample)
    ).all()
    for row in rows:
        row.trajectory_removed_at = func.now()
    return [row.trajectory_key for row in rows if row.trajectory_key]

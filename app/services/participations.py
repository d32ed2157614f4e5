"""Participations: one person in one study."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Participation, User


def of(session: Session, *, study_id: int, user: User) -> Participation:
    """The user's participation in the study, made when they first open it; two requests at once make one."""
    mine = select(Participation).where(Participation.study_id == study_id, Participation.user_id == user.id)
    found = session.scalar(mine)
    if found is None:
        new = insert(Participation).values(study_id=study_id, user_id=user.id).on_conflict_do_nothing()
        session.execute(new)
        found = session.scalars(mine).one()
    return found

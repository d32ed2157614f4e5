"""Which studies are open to someone. The one rule: a guest's invites that name studies open these and no others.

Everyone with an account may answer in every study, and so may a guest whose invite was to the whole site.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Invite, InviteUse, Study, User
from app.services import studies


def opened(session: Session, user: User) -> set[int] | None:
    """The studies that are open to `user`; None where all are. Nobody but a guest costs a query."""
    if not user.is_guest:
        return None
    query = select(Invite.study_id).join(InviteUse, InviteUse.invite_id == Invite.id)
    named = set(session.scalars(query.where(InviteUse.user_id == user.id)))
    return {study_id for study_id in named if study_id is not None} if named and None not in named else None


def require(session: Session, study: Study, user: User) -> None:
    """Raises `NotFound`, as if there were no such study, where it is not open to `user`."""
    only = opened(session, user)
    if only is not None and study.id not in only:
        raise NotFound(f"There is no study {study.id}.")


def study_for(session: Session, study_id: int, *, user: User) -> Study:
    """The study, for someone who wants to answer in it. Raises `NotFound` where there is none, or none for `user`."""
    study = studies.get(session, study_id)
    require(session, study, user)
    return study

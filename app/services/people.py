"""People as an admin sees them, and what an admin changes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Select, cast, func, select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import AnnotatorTally, Event, Invite, InviteUse, Role, User, UserKind, WebSession
from app.services import accounts, events, links, personal_tokens


@dataclass(frozen=True)
class PersonLine:
    """One person as the list shows them. `seen_at` is their last use of a session, `choices` how many stand, as
    the sweep last counted them."""

    id: int
    handle: str
    display_name: str
    email: str | None
    role: Role
    is_guest: bool
    is_outside: bool
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None
    choices: int


def lines(session: Session, *, before: int | None = None, limit: int = 100, named: str = "") -> list[PersonLine]:
    """People, newest first, at most `limit`, with an id below `before`, whose name or e-mail has `named` in it."""
    query = _lines().order_by(User.id.desc()).limit(limit)
    if before is not None:
        query = query.where(User.id < before)
    if named:
        texts = func.concat_ws(" ", User.handle, User.display_name, User.email)
        query = query.where(texts.icontains(named, autoescape=True))
    return [PersonLine(**row) for row in session.execute(query).mappings()]


def line(session: Session, user_id: int) -> PersonLine:
    """One person. Raises `NotFound`."""
    row = session.execute(_lines().where(User.id == user_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no person {user_id}.")
    return PersonLine(**row)


def get(session: Session, user_id: int) -> User:
    """One person's row. Raises `NotFound` for a judge too, and for who was only imported."""
    user = session.get(User, user_id)
    if user is None or user.kind is not UserKind.PERSON or user.import_id is not None:
        raise NotFound(f"There is no person {user_id}.")
    return user


def history(session: Session, user_id: int, *, limit: int = 20) -> Sequence[tuple[Event, str | None]]:
    """The newest events about a person, each with the name of who caused it."""
    query = (
        select(Event, User.display_name)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.object_type == User.__tablename__, Event.object_id == user_id)
        .order_by(Event.id.desc())
        .limit(limit)
    )
    return [(event, name) for event, name in session.execute(query)]


def came_by(session: Session, user_id: int) -> Sequence[tuple[str, str | None]]:
    """The invites by which a person came in, newest first: name, and the outside id they came with."""
    query = select(Invite.name, InviteUse.participant).join(InviteUse, InviteUse.invite_id == Invite.id)
    rows = session.execute(query.where(InviteUse.user_id == user_id).order_by(InviteUse.id.desc()))
    return [(name, participant) for name, participant in rows]


def set_role(session: Session, *, user: User, role: Role, actor: User | None) -> None:
    """Give `user` another role. Raises `Conflict` where no admin would be left, or where a guest would see a study's
    data: a guest's link is not enough for that."""
    if role is user.role:
        return
    if role is not Role.ANNOTATOR and user.is_guest:
        raise Conflict("A guest cannot have this role.", "Let them make an account first.")
    if user.role is Role.ADMIN:
        _require_another_admin(session, user)
    before, user.role = user.role, role
    events.write(session, "user.role_changed", user, actor=actor, before=before.value, role=role.value)


def disable(session: Session, *, user: User, actor: User | None) -> None:
    """Keep `user` out from now on: sessions, tokens and links end; choices stay. Twice changes nothing.

    Raises `Conflict` where no admin would be left.
    """
    if user.disabled_at is not None:
        return
    if user.role is Role.ADMIN:
        _require_another_admin(session, user)
    user.disabled_at = session.execute(select(func.now())).scalar_one()
    accounts.sign_out_everywhere(session, user=user)
    personal_tokens.revoke_all(session, user=user)
    links.revoke(session, user=user)
    events.write(session, "user.disabled", user, actor=actor)


def enable(session: Session, *, user: User, actor: User | None) -> None:
    """Let `user` in again; they sign in anew. Twice changes nothing."""
    if user.disabled_at is not None:
        user.disabled_at = None
        events.write(session, "user.enabled", user, actor=actor)


def sign_out(session: Session, *, user: User, actor: User | None) -> int:
    """End every session and token of `user`: how many sessions there were."""
    ended = accounts.sign_out_everywhere(session, user=user)
    revoked = personal_tokens.revoke_all(session, user=user)
    events.write(session, "user.signed_out", user, actor=actor, sessions=ended, tokens=revoked)
    return ended


def _require_another_admin(session: Session, user: User) -> None:
    """Admins are locked in one order, so that of two who demote each other at once one stays."""
    query = (
        select(User.id)
        .where(User.role == Role.ADMIN, User.disabled_at.is_(None), User.kind == UserKind.PERSON)
        .where(User.handle != accounts.LOCAL_ADMIN)
        .order_by(User.id)
        .with_for_update()
    )
    others = set(session.scalars(query)) - {user.id}
    if not others:
        raise Conflict(f"{user.display_name} is the last admin.", "Make someone else an admin first.")


def _lines() -> Select[tuple[object, ...]]:
    seen = select(func.max(WebSession.seen_at)).where(WebSession.user_id == User.id).scalar_subquery()
    made = select(func.coalesce(func.sum(AnnotatorTally.standing), 0)).where(AnnotatorTally.user_id == User.id)
    own = ("id", "handle", "display_name", "email", "role", "is_guest", "created_at", "disabled_at")
    return select(
        *(getattr(User, name) for name in own),
        User.oidc_subject.is_not(None).label("is_outside"),
        User.password_hash.is_not(None).label("has_password"),
        seen.label("seen_at"),
        cast(made.scalar_subquery(), BigInteger).label("choices"),
    ).where(User.kind == UserKind.PERSON, User.import_id.is_(None))

"""Users, their sessions and one-time sign-in links.

Tokens are random, given out once and kept as SHA-256 only, so that a copy of the database signs nobody in. All times
are the database's.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Select, Update, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Gone, NotFound
from app.models import Role, SignInLink, User, UserKind, WebSession
from app.services import events

SESSION_LIFETIME = timedelta(days=30)
LINK_LIFETIME = timedelta(days=7)
LOCAL_ADMIN = "local-admin"
HANDLE_LENGTH = 200


def add(session: Session, *, handle: str, role: Role, display_name: str | None = None, actor: User | None) -> User:
    """Add a person. Raises `BadInput` on an empty or overlong handle, `Conflict` where it is taken."""
    handle = _handle(handle)
    if session.scalar(_named(handle)) is not None:
        raise Conflict(f"There is already a user {handle}.", "Choose another name, or make a new link for this one.")
    user = User(handle=handle, role=role, display_name=(display_name or handle).strip()[:HANDLE_LENGTH])
    session.add(user)
    events.write(session, "user.added", user, actor=actor, role=role.value)
    return user


def by_handle(session: Session, handle: str) -> User:
    """The user named `handle`. Raises `NotFound`."""
    user = session.scalar(_named(handle.strip()))
    if user is None:
        raise NotFound(f"There is no user {handle}.", "`tastemaker user list` shows them all.")
    return user


def people(session: Session) -> list[User]:
    """Every person, in the order they were added; judges are left out."""
    return list(session.scalars(select(User).where(User.kind == UserKind.PERSON).order_by(User.id)))


def make_link(session: Session, *, user: User, actor: User | None, lifetime: timedelta = LINK_LIFETIME) -> str:
    """The token of a new link that signs `user` in, once, within `lifetime`. Raises `Conflict` for a judge or a
    disabled user."""
    _require_may_sign_in(user)
    token = secrets.token_urlsafe(32)
    link = SignInLink(token_sha256=_sha256(token), user_id=user.id, expires_at=func.now() + lifetime)
    session.add(link)
    events.write(session, "user.link_made", user, actor=actor)
    return token


def make_token(session: Session, *, user: User, actor: User | None) -> str:
    """A token with which a program acts as `user`: a session of its own. Raises like `make_link`."""
    _require_may_sign_in(user)
    events.write(session, "user.token_made", user, actor=actor)
    return open_session(session, user=user)


def link_holder(session: Session, token: str) -> User:
    """Whom an unused link would sign in; uses nothing up. Raises `NotFound`, or `Gone` where it is used or too old."""
    link = session.scalar(select(SignInLink).where(SignInLink.token_sha256 == _sha256(token)))
    if link is None:
        raise NotFound("This sign-in link is not known.", "Check that it was copied whole, or ask for a new one.")
    user = session.get_one(User, link.user_id)
    if link.used_at is not None or user.disabled_at is not None or link.expires_at <= _now(session):
        raise Gone("This sign-in link was used already or is too old.", "Ask an admin for a new one.")
    return user


def use_link(session: Session, token: str) -> str:
    """Use a link up and open a session: the session's token. Raises like `link_holder`; of two at once, one wins."""
    user = link_holder(session, token)
    used = session.execute(
        update(SignInLink)
        .where(SignInLink.token_sha256 == _sha256(token), SignInLink.used_at.is_(None))
        .values(used_at=func.now())
        .returning(SignInLink.id)
    )
    if used.scalar_one_or_none() is None:
        raise Gone("This sign-in link was used a moment ago.", "Ask an admin for a new one.")
    return open_session(session, user=user)


def open_session(session: Session, *, user: User) -> str:
    """The token of a new session of `user`; it ends by itself after 30 days."""
    token = secrets.token_urlsafe(32)
    session.add(WebSession(token_sha256=_sha256(token), user_id=user.id, expires_at=func.now() + SESSION_LIFETIME))
    session.flush()
    return token


def signed_in(session: Session, token: str) -> User | None:
    """The user behind a session's token; None where it is unknown or over, or the user is disabled."""
    return session.scalar(
        select(User)
        .join(WebSession, WebSession.user_id == User.id)
        .where(
            WebSession.token_sha256 == _sha256(token),
            WebSession.ended_at.is_(None),
            WebSession.expires_at > func.now(),
            User.disabled_at.is_(None),
        )
    )


def sign_out(session: Session, token: str) -> None:
    """End the session of `token`; no error where it is over already."""
    session.execute(_end().where(WebSession.token_sha256 == _sha256(token)))


def sign_out_everywhere(session: Session, *, user: User) -> int:
    """End every session of `user`: how many there were."""
    ended = session.scalars(_end().where(WebSession.user_id == user.id).returning(WebSession.id))
    return len(ended.all())


def disable(session: Session, *, user: User, actor: User | None) -> None:
    """Keep `user` out from now on: sessions end, links no longer work; choices stay. Twice changes nothing."""
    if user.disabled_at is None:
        user.disabled_at = _now(session)
        sign_out_everywhere(session, user=user)
        events.write(session, "user.disabled", user, actor=actor)


def local_admin(session: Session) -> User:
    """The person at the machine: an admin of its own, made at the first call."""
    user = session.scalar(_named(LOCAL_ADMIN))
    if user is None:
        session.execute(
            insert(User)
            .values(handle=LOCAL_ADMIN, role=Role.ADMIN, kind=UserKind.PERSON, display_name="Local admin")
            .on_conflict_do_nothing(index_elements=[User.handle])
        )
        user = session.scalars(_named(LOCAL_ADMIN)).one()
    return user


def judge(session: Session, *, name: str) -> User:
    """The judge of this name as one who answers, made at the first call. Raises `Conflict` where a person has it."""
    session.execute(
        insert(User)
        .values(handle=_handle(name), role=Role.ANNOTATOR, kind=UserKind.JUDGE, display_name=name)
        .on_conflict_do_nothing(index_elements=[User.handle])
    )
    user = by_handle(session, name)
    if user.kind is not UserKind.JUDGE:
        raise Conflict(f"A person is called {name}.", "Rename that user; the judge needs its name.")
    return user


def first_admin_link(session: Session, *, handle: str) -> str | None:
    """A link for the first admin, whom it makes; None where that user exists already (not the first start)."""
    if session.scalar(_named(_handle(handle))) is not None:
        return None
    return make_link(session, user=add(session, handle=handle, role=Role.ADMIN, actor=None), actor=None)


def _handle(handle: str) -> str:
    handle = handle.strip()
    if not handle or len(handle) > HANDLE_LENGTH:
        raise BadInput("A user needs a name of 1 to 200 characters.", fields={"handle": "1 to 200 characters"})
    return handle


def _require_may_sign_in(user: User) -> None:
    if user.kind is not UserKind.PERSON or user.disabled_at is not None:
        raise Conflict(f"{user.display_name} cannot sign in.", "Only people that are not disabled can.")


def _named(handle: str) -> Select[User]:
    return select(User).where(User.handle == handle)


def _end() -> Update:
    return update(WebSession).where(WebSession.ended_at.is_(None)).values(ended_at=func.now())


def _now(session: Session) -> datetime:
    return session.execute(select(func.now())).scalar_one()


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

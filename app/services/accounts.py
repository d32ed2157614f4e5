"""Users, and the sessions in which they are signed in.

A session's token is random, given out once and kept as SHA-256 only, so that a copy of the database signs nobody in.
All times are the database's.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from sqlalchemy import ColumnElement, Select, Update, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotFound
from app.models import LinkPurpose, Role, User, UserKind, WebSession
from app.services import events, links
from app.services.tokens import new_token, sha256

SESSION_LIFETIME = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)
LOCAL_ADMIN = "local-admin"
HANDLE_LENGTH = 200
NAME_LENGTH = 80
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def add(
    session: Session, *, handle: str, role: Role, display_name: str | None = None, email: str | None = None,
    email_verified: bool = False, actor: User | None,
) -> User:  # fmt: skip
    """Add a person. Raises `BadInput` on a name or e-mail that cannot be used, `Conflict` where one is taken."""
    handle, email = _handle(handle), checked_email(email)
    require_free(session, handle, email)
    user = User(
        handle=handle,
        role=role,
        display_name=checked_name(display_name or handle[:NAME_LENGTH]),
        email=email,
        email_verified=email_verified,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:  # someone took it a moment ago
        raise Conflict(f"There is already a user {handle}.", "Choose another name.") from error
    events.write(session, "user.added", user, actor=actor, role=role.value)
    return user


def add_guest(session: Session, *, display_name: str, role: Role, actor: User | None) -> User:
    """Add someone of whom a display name is all that is known. Raises `BadInput` where there is none."""
    handle = f"guest-{secrets.token_hex(6)}"
    user = User(handle=handle, role=role, display_name=checked_name(display_name), is_guest=True)
    session.add(user)
    events.write(session, "user.added", user, actor=actor, role=role.value, guest=True)
    return user


def by_handle(session: Session, handle: str) -> User:
    """The user named `handle`. Raises `NotFound`."""
    user = session.scalar(_named(handle.strip()))
    if user is None:
        raise NotFound(f"There is no user {handle}.", "`tastemaker user list` shows them all.")
    return user


def by_name(session: Session, name: str) -> User | None:
    """The person whose handle or e-mail `name` is, as they type it to sign in; a handle comes before an e-mail."""
    name = name.strip()
    is_handle = User.handle == name
    query = select(User).where(
        User.kind == UserKind.PERSON,
        User.import_id.is_(None),
        or_(is_handle, func.lower(User.email) == name.lower(), func.lower(User.handle) == name.lower()),
    )
    return session.scalars(query.order_by(is_handle.desc(), User.id)).first()


def change_profile(session: Session, *, user: User, display_name: str, email: str | None) -> None:
    """Change what `user` is called and their e-mail, for which nobody vouches then. Raises like `add`."""
    name, email = checked_name(display_name), checked_email(email)
    if (email or "").lower() != (user.email or "").lower():
        require_free(session, None, email, but=user)
        user.email_verified = False
    user.display_name, user.email = name, email
    session.flush()


def people(session: Session) -> list[User]:
    """Every person, in the order they were added; judges and who was only imported are left out."""
    query = select(User).where(User.kind == UserKind.PERSON, User.import_id.is_(None)).order_by(User.id)
    return list(session.scalars(query))


def open_session(session: Session, *, user: User, agent: str = "") -> str:
    """The token of a new session of `user` in the browser `agent`; it ends by itself after 30 days."""
    token = new_token()
    session.add(
        WebSession(
            token_sha256=sha256(token), user_id=user.id, agent=agent[:100], expires_at=func.now() + SESSION_LIFETIME
        )
    )
    session.flush()
    return token


def signed_in(session: Session, token: str) -> User | None:
    """The user behind a session's token; None where it is unknown or over, or the user is disabled. Notes, every few
    minutes, that the session is in use."""
    found = session.execute(_signed_in(), {"token": sha256(token)}).one_or_none()
    if found is None:
        return None
    user, session_id, is_stale = found
    if is_stale:
        session.execute(update(WebSession).where(WebSession.id == session_id).values(seen_at=func.now()))
    return user


@cache
def _signed_in() -> Select[User, int, bool]:
    return (
        select(User, WebSession.id, WebSession.seen_at < func.now() - SEEN_EVERY)
        .join(WebSession, WebSession.user_id == User.id)
        .where(WebSession.token_sha256 == bindparam("token"), _stands(), User.disabled_at.is_(None))
    )


def sessions_of(session: Session, *, user: User) -> Sequence[WebSession]:
    """Where `user` is signed in, the newest use first."""
    query = select(WebSession).where(WebSession.user_id == user.id, _stands())
    return session.scalars(query.order_by(WebSession.seen_at.desc(), WebSession.id.desc())).all()


def sign_out(session: Session, token: str) -> None:
    """End the session of `token`; no error where it is over already."""
    session.execute(_end().where(WebSession.token_sha256 == sha256(token)))


def sign_out_everywhere(session: Session, *, user: User, but: str | None = None) -> int:
    """End every session of `user`, `but` the one of this token: how many there were."""
    others = WebSession.token_sha256 != sha256(but or "")
    return len(session.scalars(_end().where(WebSession.user_id == user.id, others).returning(WebSession.id)).all())


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
    user = add(session, handle=handle, role=Role.ADMIN, actor=None)
    return links.make(session, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)


def checked_name(text: str) -> str:
    """A name to show, without blanks around it. Raises `BadInput` where it is empty or longer than 80 characters."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        problem = f"1 to {NAME_LENGTH} characters"
        raise BadInput(f"A name to show has 1 to {NAME_LENGTH} characters.", fields={"display_name": problem})
    return name


def checked_email(text: str | None) -> str | None:
    """An e-mail address, None where there is none. Raises `BadInput` where it is not one."""
    email = (text or "").strip()
    if email and (len(email) > 320 or not EMAIL.fullmatch(email)):
        raise BadInput(f"{email} is no e-mail address.", fields={"email": "name@example.org"})
    return email or None


def own_handle(text: str) -> str:
    """A handle that someone chose for themselves. Raises `BadInput` like `add`, and where it looks like an e-mail: such
    handles are given by admins, who know whose address it is."""
    handle = _handle(text)
    if "@" in handle or handle != " ".join(handle.split()):
        raise BadInput("A handle is a plain name.", fields={"handle": "A plain name; your e-mail has its own field."})
    return handle


def require_free(session: Session, handle: str | None, email: str | None, *, but: User | None = None) -> None:
    """Raises `Conflict` where the handle or e-mail is another's handle or e-mail: people sign in with either."""
    wanted = {text.lower(): field for text, field in ((handle, "handle"), (email, "email")) if text}
    query = select(User.handle, User.email).where(
        or_(func.lower(User.handle).in_(wanted), func.lower(User.email).in_(wanted)), User.id != (but.id if but else 0)
    )
    taken = {text.lower() for row in session.execute(query) for text in row if text} & set(wanted)
    for text in sorted(taken):
        name = handle if wanted[text] == "handle" else email
        raise Conflict(
            f"There is already a user {name}.",
            "Choose another name, or make a new link for this one.",
            fields={wanted[text]: "This is taken already."},
        )


def _handle(handle: str) -> str:
    handle = handle.strip()
    if not handle or len(handle) > HANDLE_LENGTH:
        raise BadInput("A user needs a name of 1 to 200 characters.", fields={"handle": "1 to 200 characters"})
    return handle


def _named(handle: str) -> Select[User]:
    return select(User).where(User.handle == handle)


def _end() -> Update:
    return update(WebSession).where(WebSession.ended_at.is_(None)).values(ended_at=func.now())


def _stands() -> ColumnElement[bool]:
    return and_(WebSession.ended_at.is_(None), WebSession.expires_at > func.now())

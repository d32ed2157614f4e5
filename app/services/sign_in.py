"""Signing in with a name and a password, and everything that changes one.

Nothing tells whether a name is known: an unknown name, a user without a password and a wrong password take the same
work and give the same answer, and tries are counted alike. Hashing is done before any row is locked.
"""

from sqlalchemy.orm import Session

from app.errors import NotSignedIn
from app.models import LinkPurpose, Role, User
from app.services import accounts, events, limits, links, passwords
from app.services.limits import Limits

WRONG = "The name or the password is not right."
REMEDY = "Try again, or ask an admin for a link to set a new password."


def with_password(session: Session, counts: Limits, *, name: str, password: str, address: str) -> User:
    """The user who signs in. Raises `NotSignedIn` where name or password is wrong, `TooMany` after too many tries."""
    name, address = name.strip(), limits.network(address)
    counts.check(limits.ADDRESS, address)
    user = accounts.by_name(session, name)
    _try(counts, user, name=name, password=password, address=address)
    assert user is not None
    assert user.password_hash is not None
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    return user


def set_password(session: Session, *, user: User, password: str, keep: str | None, actor: User | None) -> None:
    """Give `user` a new password: every session but the one of the token `keep` ends, and so do links not yet used.

    Makes an account of a guest. Raises `BadInput` that names `password` where it is too weak.
    """
    passwords.require_good(password, names=(user.handle, user.email, user.display_name))
    user.password_hash = passwords.hashed(password)
    user.is_guest = False
    links.revoke(session, user=user)
    accounts.sign_out_everywhere(session, user=user, but=keep)
    events.write(session, "user.password_set", user, actor=actor)


def change_password(
    session: Session, counts: Limits, *, user: User, present: str, password: str, keep: str | None, address: str
) -> None:
    """Like `set_password`, by the user; a password that there is must be `present`. Raises like `with_password`."""
    if user.password_hash is not None:
        _try(counts, user, name=user.handle, password=present, address=limits.network(address))
    set_password(session, user=user, password=password, keep=keep, actor=user)


def reset_password(session: Session, token: str, *, password: str) -> User:
    """Set a new password by a reset link, which is used up, and give its user. Raises like `links.use`, and `BadInput`
    where the password is too weak (the link then stays)."""
    user = links.holder(session, token, purpose=LinkPurpose.RESET)
    passwords.require_good(password, names=(user.handle, user.email, user.display_name))
    links.use(session, token, purpose=LinkPurpose.RESET)
    set_password(session, user=user, password=password, keep=None, actor=user)
    return user


def sign_up(
    session: Session, *, handle: str, password: str, email: str | None = None, display_name: str | None = None,
    role: Role = Role.ANNOTATOR,
) -> User:  # fmt: skip
    """A new account with a password. Raises `BadInput` or `Conflict` that name the fields at fault."""
    handle = accounts.own_handle(handle)
    passwords.require_good(password, names=(handle, email, display_name))
    made = passwords.hashed(password)
    user = accounts.add(session, handle=handle, email=email, display_name=display_name, role=role, actor=None)
    user.password_hash = made
    return user


def make_account(
    session: Session, *, user: User, handle: str, password: str, email: str | None, keep: str | None
) -> None:
    """Make an account of a guest, who keeps their choices; the personal link ends. Raises like `sign_up`."""
    handle, email = accounts.own_handle(handle), accounts.checked_email(email)
    accounts.require_free(session, handle, email, but=user)
    passwords.require_good(password, names=(handle, email, user.display_name))
    user.handle, user.email = handle, email
    set_password(session, user=user, password=password, keep=keep, actor=user)


def _try(counts: Limits, user: User | None, *, name: str, password: str, address: str) -> None:
    """Count a try for `name` and verify. Raises `TooMany` before any work, `NotSignedIn` where it is wrong."""
    counts.take(limits.NAME_HERE, name, address)
    counts.take(limits.NAME_ANYWHERE, name)
    known = user is not None and user.disabled_at is None
    right = passwords.matches(password, user.password_hash if user and known else None)
    if not right:
        counts.take(limits.ADDRESS, address)
        raise NotSignedIn(WRONG, REMEDY)
    counts.forget(limits.NAME_HERE, name, address)

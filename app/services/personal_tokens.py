"""Personal tokens: made with scopes and an end, shown once, kept as SHA-256, told when last used, revoked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Forbidden, NotFound
from app.models import ApiToken, User, UserKind
from app.services import events, links, scopes
from app.services.scopes import Scope
from app.services.tokens import new_token, sha256

PREFIX = "tm_"  # by it people and scanners of leaked secrets know what they have found
NAME_LENGTH = 80
MOST_DAYS = 365
MOST_TOKENS = 50
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenLine:
    """A token as its owner sees it; the token itself is known to nobody."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def make(
    session: Session, *, user: User, name: str, wanted: Collection[str], days: int, actor: User | None
) -> tuple[ApiToken, str]:
    """A new token of `user`: its row, and the token, which is known only now.

    Raises `BadInput` that names the fields which cannot be used, `Conflict` where `user` may have none (any more).
    """
    if user.kind is UserKind.PERSON:  # a judge of one's own never signs in: a token is how it answers
        links.require_may_sign_in(user)
    if user.is_guest:
        raise Conflict("A guest cannot have tokens.", "Make an account first; you stay the same person.")
    name, chosen = " ".join(name.split()), _checked(user, wanted, name, days)
    if len(of_user(session, user)) >= MOST_TOKENS:
        raise Conflict(f"There are {MOST_TOKENS} tokens already.", "Revoke those that are not needed any more.")
    token = PREFIX + new_token()
    row = ApiToken(
        user_id=user.id, name=name, token_sha256=sha256(token), scopes=[scope.value for scope in chosen],
        expires_at=func.now() + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    session.flush()
    events.write(session, "user.token_made", user, actor=actor, name=name, scopes=row.scopes, days=days)
    return row, token


def of_user(session: Session, user: User) -> Sequence[TokenLine]:
    """The tokens of `user` that work, newest first."""
    rows = session.scalars(select(ApiToken).where(ApiToken.user_id == user.id, _stands()).order_by(ApiToken.id.desc()))
    return [
        TokenLine(row.id, row.name, _known(row.scopes), row.created_at, row.expires_at, row.used_at) for row in rows
    ]


def revoke(session: Session, *, user: User, token_id: int, actor: User | None) -> None:
    """End a token of `user`; one that is over stays as it is. Raises `NotFound`, for another's too."""
    row = session.get(ApiToken, token_id)
    if row is None or row.user_id != user.id:
        raise NotFound(f"You have no token {token_id}.")
    if row.revoked_at is None:
        row.revoked_at = session.execute(select(func.now())).scalar_one()
        events.write(session, "user.token_revoked", user, actor=actor, name=row.name)


def revoke_all(session: Session, *, user: User) -> int:
    """End every token of `user`: how many there were."""
    ended = update(ApiToken).where(ApiToken.user_id == user.id, _stands()).values(revoked_at=func.now())
    return len(session.scalars(ended.returning(ApiToken.id)).all())


def owner(session: Session, token: str) -> tuple[User, frozenset[Scope]] | None:
    """Whose token this is and what it may be used for; None where it is unknown or over, or its owner is disabled.
    Notes, every minute, that it is in use."""
    found = session.execute(_owner(), {"token": sha256(token)}).one_or_none()
    if found is None:
        return None
    user, token_id, words, is_stale = found
    if is_stale:
        session.execute(update(ApiToken).where(ApiToken.id == token_id).values(used_at=func.now()))
    return user, frozenset(_known(words))


def require(has: Collection[Scope], needed: Collection[str]) -> None:
    """Raises `Forbidden` where a token's scopes lack one that is needed, or where none is named: what names no scope
    is not for tokens."""
    if not needed:
        raise Forbidden("This is not for tokens.", "Sign in on the site and do it there.")
    missing = sorted(set(needed) - set(has))
    if missing:
        raise Forbidden(
            f"This token lacks the scope {', '.join(missing)}.",
            "Make one that has it at /account/tokens.",
            needed=sorted(needed),
        )


def _checked(user: User, wanted: Collection[str], name: str, days: int) -> list[Scope]:
    fields: dict[str, str] = {}
    if not 1 <= len(" ".join(name.split())) <= NAME_LENGTH:
        fields["name"] = f"1 to {NAME_LENGTH} characters"
    if not 1 <= days <= MOST_DAYS:
        fields["days"] = f"1 to {MOST_DAYS}"
    allowed = scopes.of_role(user)
    if not wanted:
        fields["scopes"] = "Choose at least one."
    elif strange := sorted(set(wanted) - set(allowed)):
        fields["scopes"] = f"{', '.join(strange)}: your role allows {', '.join(allowed)}."
    if fields:
        listed = "; ".join(f"{field}: {problem}" for field, problem in fields.items())
        raise BadInput(f"The token cannot be made like this. {listed}", fields=fields)
    return [scope for scope in Scope if scope in wanted]


def _known(words: Collection[str]) -> tuple[Scope, ...]:
    """The scopes among `words`; one that no longer exists allows nothing."""
    return tuple(scope for scope in Scope if scope in words)


@cache
def _owner() -> Select[User, int, list[str], bool]:
    is_stale = or_(ApiToken.used_at.is_(None), ApiToken.used_at < func.now() - USED_EVERY)
    return (
        select(User, ApiToken.id, ApiToken.scopes, is_stale)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(ApiToken.token_sha256 == bindparam("token"), _stands(), User.disabled_at.is_(None))
    )


def _stands() -> ColumnElement[bool]:
    return and_(ApiToken.revoked_at.is_(None), ApiToken.expires_at > func.now())

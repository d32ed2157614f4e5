"""Links that belong to one user: to sign in once, to set a new password once, and a guest's own to come back with."""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.errors import Conflict, Gone, NotFound
from app.models import LinkPurpose, SignInLink, User, UserKind
from app.services import events
from app.services.tokens import new_token, sha256

LIFETIMES = {
    LinkPurpose.SIGN_IN: timedelta(days=7),
    LinkPurpose.RESET: timedelta(days=1),
    LinkPurpose.PERSONAL: timedelta(days=36_500),
}
MADE = {
    LinkPurpose.SIGN_IN: "user.link_made",
    LinkPurpose.RESET: "user.reset_link_made",
    LinkPurpose.PERSONAL: "user.personal_link_made",
}


def make(
    session: Session, *, user: User, purpose: LinkPurpose, actor: User | None, lifetime: timedelta | None = None
) -> str:
    """The token of a new link of `user`. A new personal link takes the place of the one before.

    Raises `Conflict` for a judge or a disabled user; a personal link is a guest's alone, a reset link never a guest's.
    """
    require_may_sign_in(user)
    _require_fits(user, purpose)
    if purpose is LinkPurpose.PERSONAL:
        session.scalar(select(User.id).where(User.id == user.id).with_for_update())  # at most one stands, also at once
        revoke(session, user=user, purposes=(LinkPurpose.PERSONAL,))
    token = new_token()
    ends = func.now() + (LIFETIMES[purpose] if lifetime is None else lifetime)
    session.add(SignInLink(purpose=purpose, token_sha256=sha256(token), user_id=user.id, expires_at=ends))
    events.write(session, MADE[purpose], user, actor=actor)
    return token


def holder(session: Session, token: str, *, purpose: LinkPurpose) -> User:
    """Whose link it is; uses nothing up. Raises `NotFound`, or `Gone` where it is used, revoked or too old."""
    query = select(SignInLink, SignInLink.expires_at <= func.now()).where(
        SignInLink.token_sha256 == sha256(token), SignInLink.purpose == purpose
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound("This link is not known.", "Check that it was copied whole, or ask for a new one.")
    link, is_old = found
    user = session.get_one(User, link.user_id)
    if is_old or link.revoked_at is not None or user.disabled_at is not None:
        raise Gone("This link no longer works.", "Ask an admin for a new one.")
    if link.used_at is not None and purpose is not LinkPurpose.PERSONAL:
        raise Gone("This link was used already.", "Ask an admin for a new one.")
    return user


def use(session: Session, token: str, *, purpose: LinkPurpose) -> User:
    """Use a link and give its user; one that works once is used up. Raises like `holder`; of two at once, one wins."""
    user = holder(session, token, purpose=purpose)
    query = update(SignInLink).where(SignInLink.token_sha256 == sha256(token), SignInLink.revoked_at.is_(None))
    if purpose is not LinkPurpose.PERSONAL:
        query = query.where(SignInLink.used_at.is_(None))
    if session.scalar(query.values(used_at=func.now()).returning(SignInLink.id)) is None:
        raise Gone("This link was used a moment ago.", "Ask an admin for a new one.")
    return user


def revoke(session: Session, *, user: User, purposes: tuple[LinkPurpose, ...] = tuple(LinkPurpose)) -> None:
    """End the links of `user` of these purposes."""
    session.execute(
        update(SignInLink)
        .where(
            SignInLink.user_id == user.id, SignInLink.purpose.in_(purposes), SignInLink.revoked_at.is_(None)
        )
        .values(revoked_at=func.now())
    )  # fmt: skip


def require_may_sign_in(user: User) -> None:
    """Raises `Conflict` for a judge or a disabled user."""
    if user.kind is not UserKind.PERSON or user.disabled_at is not None:
        raise Conflict(f"{user.display_name} cannot sign in.", "Only people that are not disabled can.")


def _require_fits(user: User, purpose: LinkPurpose) -> None:
    if purpose is LinkPurpose.PERSONAL and not user.is_guest:
        raise Conflict(f"{user.display_name} has an account.", "Sign in with name and password.")
    if purpose is LinkPurpose.RESET and user.is_guest:
        raise Conflict(f"{user.display_name} is a guest and has no password.", "A personal link brings a guest back.")

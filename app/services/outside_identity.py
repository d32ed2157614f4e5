"""People whom an OpenID Connect provider knows: who of ours they are.

A person is known by the provider's issuer and subject, never by an e-mail that could be given to someone else. An
e-mail links to a user that is already here only where both sides vouch for it: the provider says that it is verified,
and on our side an admin gave it (as e-mail or as handle) or a provider did. An e-mail that someone typed for themselves
links to nothing; else whoever types another's address first would share their account.
"""

from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.errors import Conflict, Forbidden
from app.models import Role, User, UserKind
from app.services import accounts, events
from app.services.tokens import sha256


@dataclass(frozen=True)
class OutsideIdentity:
    """What a provider said of someone, its signature and claims checked. `email` is None unless it is verified."""

    issuer: str
    subject: str
    email: str | None
    name: str | None

    @property
    def domain(self) -> str:
        """The part of the e-mail after the @, in small letters; empty without an e-mail."""
        return (self.email or "").rpartition("@")[2].lower()


def sign_in(session: Session, who: OutsideIdentity, *, may_be_new: bool) -> User:
    """The user of this identity: known, linked by an e-mail that both sides vouch for, or, where someone new may come
    in, made. Raises `Forbidden` where they are disabled or not invited, `Conflict` where the e-mail is another's."""
    user = _known(session, who) or _vouched(session, who)
    if user is None:
        if not may_be_new:
            raise Forbidden("You are not known here yet.", "Open your invite first, or ask an admin for one.")
        user = _add(session, who)
    if user.disabled_at is not None:
        raise Forbidden(f"{user.display_name} cannot sign in any more.", "Ask an admin.")
    if user.oidc_subject is None:
        connect(session, who, user=user)
    return user


def connect(session: Session, who: OutsideIdentity, *, user: User) -> None:
    """Let `user`, who is signed in, sign in by this identity from now on. Raises `Conflict` where it is another's."""
    other = _known(session, who)
    if other is not None and other.id != user.id:
        raise Conflict("Another account here is connected to it already.", "Sign in with that one.")
    user.oidc_issuer, user.oidc_subject = who.issuer, who.subject
    if user.email is not None and user.email.lower() == (who.email or "").lower():
        user.email_verified = True
    events.write(session, "user.outside_connected", user, actor=user, issuer=who.issuer)


def _known(session: Session, who: OutsideIdentity) -> User | None:
    return session.scalar(select(User).where(User.oidc_issuer == who.issuer, User.oidc_subject == who.subject))


def _vouched(session: Session, who: OutsideIdentity) -> User | None:
    """The user, not connected yet, whose e-mail an admin gave, or whose handle it is: such handles only admins give."""
    if who.email is None:
        return None
    email = who.email.lower()
    given = or_(and_(func.lower(User.email) == email, User.email_verified), func.lower(User.handle) == email)
    query = select(User).where(given, User.kind == UserKind.PERSON, User.oidc_subject.is_(None)).order_by(User.id)
    return session.scalars(query.with_for_update()).first()


def _add(session: Session, who: OutsideIdentity) -> User:
    """A new annotator. Raises `Conflict` where someone else has the e-mail, which nobody vouched for."""
    handle = who.email or f"outside-{sha256(f'{who.issuer} {who.subject}')[:12]}"
    name = (who.name or handle.partition("@")[0])[: accounts.NAME_LENGTH]
    try:
        return accounts.add(
            session, handle=handle, email=who.email, email_verified=who.email is not None, display_name=name,
            role=Role.ANNOTATOR, actor=None,
        )  # fmt: skip
    except Conflict as error:
        raise Conflict(
            f"There is an account with the e-mail {who.email} here already.",
            "Sign in with its password and connect the two on your account page.",
        ) from error

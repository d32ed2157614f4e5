"""Invites: made, opened by people who come in, and what a person gets at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Gone, NotFound
from app.models import Answer, Choice, Invite, InviteUse, Lease, Pair, Purpose, Role, Round, Study, User
from app.services import accounts, events, sign_in, studies
from app.services.tokens import new_token, sha256
from app.study_settings import validated

MOST_USES = 1_000_000
MOST_DAYS = 3650
RANKS = {role: rank for rank, role in enumerate(Role)}
PLACEHOLDER = "{participant}"


@dataclass(frozen=True)
class Ending:
    """What someone's invite says of the end: how many choices it asks for (none: all there is), how many they have
    made, and what they then get."""

    wanted: int | None
    made: int
    return_url: str | None
    code: str | None

    @property
    def reached(self) -> bool:
        return self.wanted is not None and self.made >= self.wanted


@dataclass(frozen=True)
class Newcomer:
    """What someone who is not signed in gives at an invite: a name to show, and where an account is needed a handle,
    a password and perhaps an e-mail."""

    display_name: str = ""
    handle: str = ""
    password: str = ""
    email: str = ""


def make(
    session: Session, *, name: str, actor: User | None, role: Role = Role.ANNOTATOR, study_id: int | None = None,
    needs_account: bool = False, max_uses: int | None = None, days: int = 30, choices_wanted: int | None = None,
    return_url: str | None = None, completion_code: str | None = None,
) -> tuple[Invite, str]:  # fmt: skip
    """A new invite and its token, which is given out this once. Raises `BadInput` that names the fields at fault.

    Researchers and admins always need an account: a guest's link must not open a study's data.
    """
    name, return_url, completion_code = name.strip(), return_url or None, completion_code or None
    _check(name, max_uses, days, choices_wanted, return_url, completion_code)
    if study_id is not None:
        studies.get(session, study_id)
    token = new_token()
    invite = Invite(
        token_sha256=sha256(token),
        name=name,
        role=role,
        study_id=study_id,
        needs_account=needs_account or role is not Role.ANNOTATOR,
        max_uses=max_uses,
        choices_wanted=choices_wanted,
        return_url=return_url,
        completion_code=completion_code,
        created_by_id=actor.id if actor else None,
        expires_at=func.now() + timedelta(days=days),
    )
    session.add(invite)
    events.write(session, "invite.made", invite, actor=actor, name=name, role=role.value, max_uses=max_uses, days=days)
    session.refresh(invite)
    return invite, token


def get(session: Session, invite_id: int) -> Invite:
    invite = session.get(Invite, invite_id)
    if invite is None:
        raise NotFound(f"There is no invite {invite_id}.")
    return invite


def revoke(session: Session, *, invite_id: int, actor: User | None) -> Invite:
    """Let nobody in by it any more; who came in stays. Twice changes nothing."""
    invite = get(session, invite_id)
    if invite.revoked_at is None:
        invite.revoked_at = session.execute(select(func.now())).scalar_one()
        events.write(session, "invite.revoked", invite, actor=actor, name=invite.name)
    return invite


def find(session: Session, token: str) -> Invite:
    """The invite of this token, whatever its state. Raises `NotFound`."""
    invite = session.scalar(select(Invite).where(Invite.token_sha256 == sha256(token)))
    if invite is None:
        raise NotFound("This invite is not known.", "Check that the link was copied whole, or ask for a new one.")
    return invite


def require_open(session: Session, invite: Invite) -> None:
    """Raises `Gone` where the invite lets nobody new in: revoked, too old or used up."""
    if invite.revoked_at is not None:
        raise Gone("This invite was taken back.", "Ask whoever sent it to you for a new one.")
    if invite.expires_at <= session.execute(select(func.now())).scalar_one():
        raise Gone("This invite is too old.", "Ask whoever sent it to you for a new one.")
    if invite.max_uses is not None and invite.uses >= invite.max_uses:
        raise Gone("This invite was used as often as it may be.", "Ask whoever sent it to you for a new one.")


def needs_account(session: Session, invite: Invite) -> bool:
    """Whether a display name is not enough: by the invite itself, or by its study's setting."""
    if invite.needs_account or invite.study_id is None:
        return invite.needs_account
    study = session.get_one(Study, invite.study_id)
    return validated(study.settings).labeling.requires_account


def use_of(session: Session, invite: Invite, *, user: User) -> InviteUse | None:
    """The use by which `user` came in, if they did."""
    return session.scalar(select(InviteUse).where(InviteUse.invite_id == invite.id, InviteUse.user_id == user.id))


def returning(session: Session, invite: Invite, participant: str | None) -> User | None:
    """Who came in by this invite with the same outside id before: a guest. Someone with an account signs in instead."""
    if participant is None:
        return None
    user = session.scalar(
        select(User)
        .join(InviteUse, InviteUse.user_id == User.id)
        .where(InviteUse.invite_id == invite.id, InviteUse.participant == participant)
    )
    if user is not None and (not user.is_guest or user.disabled_at is not None):
        raise Conflict(f"{user.display_name} has an account by now.", "Sign in with it to go on.")
    return user


def join(session: Session, invite: Invite, *, user: User, participant: str | None = None) -> InviteUse:
    """`user` comes in by the invite: one use, and its role if that is the higher one. Coming again changes nothing.

    Raises `Gone` like `require_open`, `Conflict` where a guest would need an account, or where the outside id is
    another person's. Of many at once no more come in than the invite allows: the use is counted by one
    compare-and-set, whose row the others wait for.
    """
    counted = _count(session, invite)
    before = use_of(session, invite, user=user)
    if before is not None:
        if counted:
            _give_back(session, invite)
        return before
    if not counted:
        session.refresh(invite)
        require_open(session, invite)
    if user.is_guest and needs_account(session, invite):
        raise Conflict("This invite needs an account.", "Make one on your account page, then open the invite again.")
    if participant is not None and _known(session, invite, participant):
        raise Conflict("Someone else came in with this id.", "Open the link again from where you found it.")
    use = InviteUse(invite_id=invite.id, user_id=user.id, participant=participant)
    session.add(use)
    if RANKS[invite.role] > RANKS[user.role]:
        user.role = invite.role
    events.write(session, "invite.used", invite, actor=user, role=user.role.value)
    return use


def come_in(session: Session, invite: Invite, *, newcomer: Newcomer, participant: str | None = None) -> User:
    """Someone new comes in: a guest, or an account where one is needed. Raises like `join`, `BadInput` on their words.

    The same outside id at once from two windows gives the same person: the second finds who the first made.
    """
    if needs_account(session, invite):
        user = sign_in.sign_up(
            session, handle=newcomer.handle, password=newcomer.password, email=newcomer.email or None,
            display_name=newcomer.display_name or None,
        )  # fmt: skip
    else:
        session.scalar(select(Invite.id).where(Invite.id == invite.id).with_for_update())
        known = returning(session, invite, participant)
        if known is not None:
            return known
        user = accounts.add_guest(session, display_name=newcomer.display_name, role=Role.ANNOTATOR, actor=None)
    join(session, invite, user=user, participant=participant)
    return user


def ending(session: Session, *, study_id: int, user: User) -> Ending | None:
    """What the newest invite by which `user` came to the study says of the end; None where none says anything.

    Choices count from when they came in: those that stand, without skips and warm-up.
    """
    found = session.execute(
        select(Invite, InviteUse)
        .join(InviteUse, InviteUse.invite_id == Invite.id)
        .where(
            Invite.study_id == study_id,
            InviteUse.user_id == user.id,
            or_(
                Invite.choices_wanted.is_not(None), Invite.return_url.is_not(None), Invite.completion_code.is_not(None)
            ),
        )
        .order_by(InviteUse.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    invite, use = found
    return Ending(
        wanted=invite.choices_wanted,
        made=_choices_made(session, study_id, user, use.used_at),
        return_url=_return_url(invite, use),
        code=invite.completion_code,
    )


def _choices_made(session: Session, study_id: int, user: User, since: datetime) -> int:
    query = (
        select(func.count())
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .where(
            Round.study_id == study_id,
            Choice.user_id == user.id,
            Choice.undone_at.is_(None),
            Choice.answer != Answer.SKIP,
            Lease.purpose != Purpose.WARM_UP,
            Choice.made_at >= since,
        )
    )
    return session.scalar(query) or 0


def _return_url(invite: Invite, use: InviteUse) -> str | None:
    return invite.return_url and invite.return_url.replace(PLACEHOLDER, quote(use.participant or "", safe=""))


def _count(session: Session, invite: Invite) -> bool:
    """Count one use if the invite still allows one, and hold its row to the transaction's end."""
    may = (
        Invite.id == invite.id,
        Invite.revoked_at.is_(None),
        Invite.expires_at > func.now(),
        or_(Invite.max_uses.is_(None), Invite.uses < Invite.max_uses),
    )
    query = update(Invite).where(*may).values(uses=Invite.uses + 1).returning(Invite.id)
    return session.scalar(query) is not None


def _give_back(session: Session, invite: Invite) -> None:
    session.execute(update(Invite).where(Invite.id == invite.id).values(uses=Invite.uses - 1))


def _known(session: Session, invite: Invite, participant: str) -> bool:
    query = select(InviteUse.id).where(InviteUse.invite_id == invite.id, InviteUse.participant == participant)
    return session.scalar(query) is not None


def _check(
    name: str, max_uses: int | None, days: int, wanted: int | None, return_url: str | None, code: str | None
) -> None:
    rules: Mapping[str, tuple[bool, str]] = {
        "name": (1 <= len(name) <= 200, "1 to 200 characters, for your own list"),
        "max_uses": (max_uses is None or 1 <= max_uses <= MOST_USES, f"1 to {MOST_USES}, or empty for any number"),
        "days": (1 <= days <= MOST_DAYS, f"1 to {MOST_DAYS} days"),
        "choices_wanted": (wanted is None or 1 <= wanted <= MOST_USES, f"1 to {MOST_USES}, or empty for all"),
        "return_url": (return_url is None or _is_web_address(return_url), "an address that begins with https://"),
        "completion_code": (code is None or len(code) <= 200, "at most 200 characters"),
    }
    faults = {field: problem for field, (is_right, problem) in rules.items() if not is_right}
    if faults:
        named = "; ".join(f"{field}: {problem}" for field, problem in faults.items())
        raise BadInput(f"This invite cannot be made as it is. {named}.", fields=faults)


def _is_web_address(url: str) -> bool:
    parts = urlsplit(url.replace(PLACEHOLDER, ""))
    return parts.scheme in {"https", "http"} and bool(parts.netloc) and len(url) <= 2000

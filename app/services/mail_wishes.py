"""What people wish to hear by e-mail: of the rounds that they launched, and of studies that they follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Forbidden, TooMany, Unavailable
from app.models import Delivery, Event, MailWish, Study, User
from app.services import events, outbox, studies
from app.settings import Settings

TEST_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Wish:
    """The kinds of events that someone hears of: of one study, or (no study) of the rounds that they launched."""

    study_id: int | None
    study: str | None
    kinds: Sequence[str]


def lines(session: Session, user: User) -> list[Wish]:
    """All that `user` may wish for, as it stands: their own rounds first, then each study that is not archived, and
    those that they follow though they are."""
    mine = MailWish.user_id == user.id
    own = session.scalar(select(MailWish).where(mine, MailWish.study_id.is_(None)))
    rows = session.execute(
        select(Study.id, Study.name, MailWish.events)
        .outerjoin(MailWish, mine & (MailWish.study_id == Study.id))
        .where(or_(Study.archived_at.is_(None), func.jsonb_array_length(MailWish.events) > 0))
        .order_by(Study.id)
    )
    first = Wish(None, None, list(own.events) if own else list(outbox.BY_DEFAULT))
    return [first, *(Wish(study_id, name, kinds or []) for study_id, name, kinds in rows)]


def wish(session: Session, *, user: User, study_id: int | None, kinds: Sequence[str]) -> None:
    """Let `user` hear of these kinds of events. Raises `BadInput` where one is not known, `Forbidden` where rounds are
    none of their business."""
    _require_reader(user)
    unknown = sorted(set(kinds) - set(outbox.ROUND_EVENTS))
    if unknown:
        raise BadInput(
            f"There is no event {', '.join(unknown)}.", f"There are: {', '.join(outbox.ROUND_EVENTS)}.",
            fields={"events": "not known"},
        )  # fmt: skip
    if study_id is not None:
        studies.get(session, study_id)
    ordered = [kind for kind in outbox.ROUND_EVENTS if kind in kinds]
    new = insert(MailWish).values(user_id=user.id, study_id=study_id, events=ordered)
    columns = [MailWish.user_id, MailWish.study_id]
    session.execute(new.on_conflict_do_update(index_elements=columns, set_={"events": ordered}))


def test(session: Session, settings: Settings, *, user: User) -> Delivery:
    """Write `user` a test mail; it is tried once. Raises `Unavailable` where e-mail is not set up, `Conflict` where
    they have no address, `TooMany` where they just had one."""
    _require_reader(user)
    if not settings.has_mail:
        raise Unavailable("E-mail is not set up on this site.", "An operator sets TASTEMAKER_SMTP_HOST and others.")
    if user.email is None:
        raise Conflict("You have no e-mail address here.", "Give one on your account page, then try again.")
    just_now = select(Delivery.id).join(Event, Event.id == Delivery.event_id)
    just_now = just_now.where(
        Delivery.user_id == user.id, Event.what == "mail.tested", Event.at > func.now() - TEST_EVERY
    )
    if session.scalar(just_now.limit(1)) is not None:
        raise TooMany("A test mail was just sent to you.", "Look for it, or wait a minute.", retry_after=60)
    event = events.write(session, "mail.tested", user, actor=user)
    session.flush()
    return outbox.put(session, event, outbox.body_of(event, path="/account#mail"), user_id=user.id, retried=False)


def _require_reader(user: User) -> None:
    if user.role not in outbox.READERS:
        raise Forbidden("E-mail about rounds is for those who see them.", "Ask an admin for another role.")

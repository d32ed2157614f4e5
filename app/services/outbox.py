"""The outbox: what an event sends to webhooks and to people by e-mail.

Its deliveries are rows written in the event's own transaction, so that what happened and what is told of it stand or
fall together; `postman` carries them later. The same body goes to all of them, as things were when it happened.
"""

from datetime import UTC
from typing import Any

from sqlalchemy import and_, exists, literal, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Base,
    Checkpoint,
    Delivery,
    Event,
    MailWish,
    Round,
    Study,
    TrainingRun,
    User,
    UserKind,
    Webhook,
)
from app.models.base import Json
from app.services.permissions import RIGHTS, Right

# every move of a round (`round_moves.TABLE`), what becomes of its training, and warnings about it
ROUND_EVENTS = (
    "round.launched",
    "round.pairs_ready",
    "round.goal_met",
    "round.advance",
    "round.trained",
    "round.imported",
    "round.judged",
    "round.fail",
    "round.retry",
    "round.pause",
    "round.resume",
    "round.cancel",
    "training.started",
    "training.failed",
    "checkpoint.made",
    "warning.raised",
)
# what someone hears of the rounds that they launched, unless they wish otherwise
BY_DEFAULT = ("round.fail", "round.trained", "round.judged", "warning.raised")
ORDER = ("event", "study", "round", "checkpoint", "webhook", "actor", "details", "url")
# who sees rounds on the pages may hear of them
READERS = tuple(role for role, rights in RIGHTS.items() if Right.RESEARCH in rights)


def announce(session: Session, event: Event, about: Base) -> None:
    """Write the deliveries of an event about a round: to the webhooks that take its kind, to who wishes to hear of it.

    Whoever made the move knows of it, and gets no e-mail. Other events are told to nobody.
    """
    if event.what not in ROUND_EVENTS:
        return
    session.flush()
    round_ = _round_of(session, about)
    body = _body(session, event, about, round_)
    for webhook_id in session.scalars(_webhooks(event.what, round_.study_id)):
        put(session, event, body, webhook_id=webhook_id)
    for user_id in session.scalars(_people(event, round_)):
        put(session, event, body, user_id=user_id)


def put(
    session: Session, event: Event, body: Json, *, webhook_id: int | None = None, user_id: int | None = None,
    retried: bool = True,
) -> Delivery:  # fmt: skip
    """One delivery of `event` to one webhook or one person."""
    delivery = Delivery(event_id=event.id, webhook_id=webhook_id, user_id=user_id, body=body, retried=retried)
    session.add(delivery)
    session.flush()
    return delivery


def body_of(event: Event, **data: Any) -> Json:
    """What is sent of `event`, in the form of Standard Webhooks: type, timestamp, data."""
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"type": event.what, "timestamp": at, "data": {"event": event.id, **data}}


def addressed(body: Json, site_url: str, path: str = "") -> Json:
    """The body as it is sent: with the whole address of its page (or of `path`), which only the site knows."""
    known = body["data"] | {"url": site_url + (path or body["data"]["path"])}
    rest = sorted(known.keys() - {*ORDER, "path"})
    data = {name: known[name] for name in (*ORDER, *rest) if name in known}  # the database keeps no order
    return {"type": body["type"], "timestamp": body["timestamp"], "data": data}


def _body(session: Session, event: Event, about: Base, round_: Round) -> Json:
    study = session.get_one(Study, round_.study_id)
    actor = session.get_one(User, event.actor_id) if event.actor_id is not None else None
    checkpoint = {"id": about.id, "number": about.number} if isinstance(about, Checkpoint) else None
    return body_of(
        event,
        study={"id": study.id, "name": study.name},
        round={
            "id": round_.id, "kind": round_.kind, "number": round_.number, "state": round_.state, "hold": round_.hold,
        },
        **({"checkpoint": checkpoint} if checkpoint else {}),
        actor={"id": actor.id, "name": actor.display_name} if actor else None,
        details=event.details,
        path=f"/research/checkpoints/{checkpoint['id']}" if checkpoint else f"/admin/rounds/{round_.id}",
    )  # fmt: skip


def _round_of(session: Session, about: Base) -> Round:
    match about:
        case Round():
            return about
        case TrainingRun():
            return session.get_one(Round, about.round_id)
        case Checkpoint():
            return _round_of(session, session.get_one(TrainingRun, about.training_run_id))
        case _:
            raise TypeError(f"{type(about).__name__} is no part of a round")


def _webhooks(what: str, study_id: int) -> Any:
    return (
        select(Webhook.id)
        .where(Webhook.off_at.is_(None), Webhook.events.contains([what]))
        .where(or_(Webhook.study_id.is_(None), Webhook.study_id == study_id))
        .order_by(Webhook.id)
    )


def _people(event: Event, round_: Round) -> Any:
    own, theirs = aliased(MailWish), aliased(MailWish)
    is_own = and_(own.user_id == User.id, own.study_id.is_(None))
    wishes_own = exists().where(is_own, own.events.contains([event.what]))
    never_said = and_(~exists().where(is_own), literal(event.what in BY_DEFAULT))
    follows = exists().where(
        theirs.user_id == User.id, theirs.study_id == round_.study_id, theirs.events.contains([event.what])
    )
    launched = User.id == (round_.launched_by_id or 0)
    return (
        select(User.id)
        .where(*may_hear(), User.id != (event.actor_id or 0), or_(follows, and_(launched, or_(wishes_own, never_said))))
        .order_by(User.id)
    )


def may_hear() -> list[Any]:
    """Who may be written to about rounds: people who see them on the pages and have an address."""
    return [
        User.kind == UserKind.PERSON, User.disabled_at.is_(None), User.email.is_not(None), User.role.in_(READERS)
    ]  # fmt: skip

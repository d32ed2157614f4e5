"""Consent to a study's text: which words, when, and until when. Each giving and withdrawing is an event as well."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import Consent, Lease, Pair, Round, Study, User
from app.services import events, guidelines
from app.study_settings import validated


def standing(session: Session, *, study_id: int, user: User, text: str) -> Consent | None:
    """The user's consent to exactly this text; none where they gave none, or withdrew it."""
    return session.scalars(
        select(Consent).where(
            Consent.study_id == study_id,
            Consent.user_id == user.id,
            Consent.version == guidelines.version(text),
            Consent.withdrawn_at.is_(None),
        )
    ).one_or_none()


def give(session: Session, *, study: Study, user: User, version: str) -> Consent:
    """Store that `user` agrees to the study's text as it is now. Agreeing twice changes nothing.

    Raises `Conflict` where `version`, the text that they were shown, is not the study's any more, and where the study
    asks for no consent.
    """
    text = validated(study.settings).labeling.consent
    if not text:
        raise Conflict("This study asks for no consent.", "Go on with its pairs.")
    if version != guidelines.version(text):
        raise Conflict("The text was changed while you read it.", "Please read it again.")
    given = standing(session, study_id=study.id, user=user, text=text)
    if given is None:
        again = {"given_at": func.now(), "withdrawn_at": None}
        row = insert(Consent).values(study_id=study.id, user_id=user.id, version=version, text=text)
        session.execute(row.on_conflict_do_update(index_elements=["user_id", "study_id", "version"], set_=again))
        given = session.scalars(_of(study.id, user).where(Consent.version == version)).one()
        events.write(session, "consent.given", given, actor=user, version=version)
    return given


def withdraw(session: Session, *, study: Study, user: User) -> None:
    """Take the user's consent back: they get no further pairs of this study, and those they hold are free at once."""
    for consent in session.scalars(_of(study.id, user).where(Consent.withdrawn_at.is_(None))):
        consent.withdrawn_at = func.now()
        events.write(session, "consent.withdrawn", consent, actor=user, version=consent.version)
    pairs = select(Pair.id).join(Round, Round.id == Pair.round_id).where(Round.study_id == study.id)
    session.execute(
        update(Lease)
        .where(Lease.user_id == user.id, Lease.expires_at > func.now(), Lease.pair_id.in_(pairs))
        .values(expires_at=func.now())
        .execution_options(synchronize_session=False)
    )


def withdrawn(session: Session, *, study_id: int, user: User) -> bool:
    """Whether the user agreed once and took it back, and has not agreed to anything since."""
    newest = session.scalars(_of(study_id, user).order_by(Consent.given_at.desc()).limit(1)).one_or_none()
    return newest is not None and newest.withdrawn_at is not None


def _of(study_id: int, user: User):  # type: ignore[no-untyped-def]  # a select of the user's consents in the study
    return (
        select(Consent)
        .where(Consent.study_id == study_id, Consent.user_id == user.id)
        .execution_options(populate_existing=True)
    )

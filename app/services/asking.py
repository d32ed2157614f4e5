"""What a study asks its annotators at the moment, and in which rounds."""

from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from app.models import Lease, Purpose, Round, Study
from app.services import places, studies
from app.study_settings import LabelingSettings, validated


def open_rounds(session: Session, study_id: int) -> list[Round]:
    """The rounds that ask for choices, the preference round first."""
    return list(session.scalars(_open_rounds(), {"in_study": study_id}))


@cache
def _open_rounds() -> Select[Any]:
    query = select(Round).where(Round.study_id == bindparam("in_study"), Round.state.in_(places.ASKED_IN))
    return query.order_by(Round.kind.desc(), Round.id)


def asked_now(study: Study, rounds: list[Round]) -> LabelingSettings:
    """What the study asks now: what its first open round does, or its own settings while none is open."""
    return validated(rounds[0].settings if rounds else study.settings).labeling


def labeling_of(session: Session, lease: Lease, round_: Round) -> LabelingSettings:
    """What is asked with a lease on a pair of the round: of a counted one what its round asks, of any other what the
    study asks now, whichever round its pair comes from, so that it looks like all others."""
    if lease.purpose is Purpose.COUNTED:
        return validated(round_.settings).labeling
    study = studies.get(session, round_.study_id)
    return asked_now(study, open_rounds(session, study.id))


def answers_offered(labeling: LabelingSettings) -> list[str]:
    """The answers that the study lets annotators give, in the order in which they are shown."""
    optional = {"tie": labeling.allow_tie, "both_bad": labeling.allow_both_bad, "skip": labeling.allow_skip}
    return ["first", "second", *(answer for answer, offered in optional.items() if offered)]

"""Rounds that the person who looks has worked on."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import Pair, Round, TrainingRun, User
from app.services import participations, totals
from tests import builders, scenes


def studied(session: Session, artifacts: Artifacts, me: User, **labeling: object) -> Round:
    """A round of which `me` has answered some pairs, and more are there."""
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    round_ = builders.round_(session, study_id=study.id)
    for number in range(4):
        pair = builders.pair(session, round_id=round_.id, filled=1, artifacts=artifacts)
        builders.choice(session, pair_id=pair.id, user_id=me.id, made_at=builders.now() - timedelta(days=number // 2))
    for _ in range(6):
        builders.pair(session, round_id=round_.id, artifacts=artifacts)
    totals.refresh(session, round_)
    return round_


def trained(session: Session, artifacts: Artifacts, me: User) -> Round:
    """A round that `me` worked on and that has trained since."""
    study = builders.study(session)
    checkpoint = scenes.checkpoint(session, study, artifacts=artifacts)
    round_ = session.get_one(Round, session.get_one(TrainingRun, checkpoint.training_run_id).round_id)
    participations.of(session, study_id=study.id, user=me)
    pair_id = session.scalars(select(Pair.id).where(Pair.round_id == round_.id)).first()
    builders.choice(session, pair_id=pair_id, user_id=me.id)
    return round_

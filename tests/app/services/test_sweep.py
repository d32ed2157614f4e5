from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.artifacts import Artifacts
from app.db import transaction
from app.models import (
    Answer,
    Hold,
    Job,
    JobKind,
    JobState,
    Round,
    RoundKind,
    RoundState,
    RoundTotals,
    RunState,
    Sample,
    Study,
    TrainingRun,
)  # fmt: skip
from app.services import choices, dealing, jobs, round_moves, studies
from app.services.locks import Lock, tried
from app.services.sweep import sweep
from app.settings import Settings, activate
from tests import builders


@pytest.fixture(autouse=True)
def in_force(settings: Settings):  # type: ignore[no-untyped-def]
    with activate(settings):
        yield


def label_all(session: Session, round_: Round) -> None:
    user = builders.user(session)
    for dealt in dealing.deal(session, study_id=round_.study_id, user=user, count=5).pairs:
        choices.record(
            session, pair_id=dealt.pair_id, user=user, answer=Answer.FIRST, key=uuid4(), lease_id=dealt.lease_id,
            response_ms=1,
        )  # fmt: skip


def test_the_last_choice_of_a_round_starts_its_training(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        round_ = builders.round_(session)
        for _ in range(2):
            builders.pair(session, round_id=round_.id)
        label_all(session, round_)
    assert sweep(sessions)
    with transaction(sessions) as session:
        assert session.get_one(Round, round_.id).state == RoundState.TRAINING
        totals = session.get_one(RoundTotals, round_.id)
        assert (totals.pairs, totals.pairs_closed, totals.choices) == (2, 2, 2)


def test_one_process_sweeps_at_a_time(sessions: sessionmaker[Session]) -> None:
    with sessions() as other, other.begin():
        assert tried(other, Lock.SWEEP)
        assert not sweep(sessions)
    assert sweep(sessions)


def test_a_training_whose_workers_were_lost_fails_with_its_reason(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        round_ = builders.round_(session)
        builders.pair(session, round_id=round_.id)
        label_all(session, round_)
        round_moves.settle(session, round_.id)
        job = session.scalars(select(Job).where(Job.kind == JobKind.TRAINING)).one()
        job.state, job.failures = JobState.RUNNING, jobs.MOST_FAILURES - 1
        job.lease_until, job.worker = builders.now() - timedelta(seconds=1), "machine/1"
    sweep(sessions)
    with transaction(sessions) as session:
        round_ = session.get_one(Round, round_.id)
        assert (round_.state, round_.hold) == (RoundState.TRAINING, Hold.FAILED)
        assert "machine/1" in str(round_.hold_reason)
        assert session.scalars(select(TrainingRun.state)).one() == RunState.FAILED


def test_a_study_that_runs_by_itself_launches_its_next_round(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = builders.study(session)
        builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
        studies.set_auto_rounds(session, study_id=study.id, rounds=1, actor=None)
    sweep(sessions)
    sweep(sessions)
    with transaction(sessions) as session:
        numbers = session.scalars(select(Round.number).where(Round.kind == RoundKind.PREFERENCE).order_by(Round.id))
        assert list(numbers) == [1, 2]
        assert session.get_one(Study, study.id).auto_rounds == 0


def test_a_study_does_not_go_on_after_a_cancelled_round(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study = builders.study(session)
        builders.round_(session, study_id=study.id, state=RoundState.CANCELLED)
        studies.set_auto_rounds(session, study_id=study.id, rounds=2, actor=None)
    sweep(sessions)
    with transaction(sessions) as session:
        assert session.get_one(Study, study.id).auto_rounds == 2


def test_trajectories_of_old_rounds_go_and_their_rows_stay(sessions: sessionmaker[Session], settings: Settings) -> None:
    artifacts = Artifacts(settings.artifacts)
    with transaction(sessions) as session:
        study = builders.study(session)
        kept = {}
        for number in range(1, 6):
            round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE, number=number)
            stored = artifacts.put_bytes(f"rounds/{number}/trajectory-1", b"latents")
            group = builders.group(session, round_id=round_.id)
            kept[number] = builders.sample(
                session,
                group_id=group.id,
                trajectory_key=stored.key,
                trajectory_sha256=stored.sha256,
                trajectory_size=7,
            ).id
    sweep(sessions)
    with transaction(sessions) as session:
        removed = {n: session.get_one(Sample, i).trajectory_removed_at is not None for n, i in kept.items()}
        assert removed == {1: True, 2: True, 3: False, 4: False, 5: False}
        assert session.get_one(Sample, kept[1]).trajectory_sha256 is not None
    assert [artifacts.exists(f"rounds/{n}/trajectory-1") for n in kept] == [False, False, True, True, True]
    assert Path(settings.artifacts).is_dir()

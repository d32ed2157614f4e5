"""The log of a round: what is kept of what workers say, and how it is read."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Job, JobKind, JobState, LogLevel, LogLine, Round, RoundKind
from app.services import job_logs, jobs, sweep
from app.services.job_logs import MOST_LINES, Said, Wanted
from tests import builders, scenes


def running(session: Session, **columns: object) -> Job:
    """A job that worker `laptop/1` has in hand."""
    lease = builders.now() + timedelta(seconds=45)
    return builders.job(
        session, state=JobState.RUNNING, worker="laptop/1", attempt=1, lease_until=lease, **columns
    )  # fmt: skip


def say(session: Session, job: Job, *messages: str, level: LogLevel = LogLevel.INFO) -> None:
    claim = jobs.claim_of(job)
    round_id = job_logs.round_of(session, claim)
    assert round_id is not None
    job_logs.store(session, claim, [Said(builders.now(), level, said) for said in messages], round_id=round_id)


def read(session: Session, round_id: int, wanted: Wanted = Wanted(), **place: int) -> list[str]:  # noqa: B008 -- frozen
    return [line.message for line in job_logs.lines(session, round_id, wanted, **{"limit": 1000, **place})]


@pytest.fixture
def round_(db: Session) -> Round:
    return builders.round_(db)


def test_lines_are_read_newest_first_in_pages_and_oldest_first_for_a_file(db: Session, round_: Round) -> None:
    job = running(db, study_id=round_.study_id, round_id=round_.id, payload={"chunk": 2})
    say(db, job, "one", "two")
    say(db, job, "three")
    first = job_logs.lines(db, round_.id, Wanted(), limit=2)
    assert [line.message for line in first] == ["three", "two"]
    assert read(db, round_.id, before=first[-1].id) == ["one"]
    assert [line.message for line in job_logs.oldest_first(db, round_.id, Wanted())] == ["one", "two", "three"]
    line = first[0]
    assert (line.kind, line.number, line.attempt, line.worker) == (JobKind.CHUNK, 3, 1, "laptop/1")


def test_of_each_job_the_newest_lines_are_kept_over_all_its_tries(db: Session, round_: Round) -> None:
    talks, quiet = (running(db, study_id=round_.study_id, round_id=round_.id) for _ in range(2))
    say(db, quiet, "all I say")
    say(db, talks, *(f"line {number}" for number in range(MOST_LINES)))
    talks.attempt = 2
    say(db, talks, "again", "the end")
    kept = job_logs.oldest_first(db, round_.id, Wanted(job=talks.id))
    assert len(kept) == MOST_LINES
    assert (kept[0].message, kept[-1].message, kept[-1].attempt) == ("line 2", "the end", 2)
    assert read(db, round_.id, Wanted(job=quiet.id)) == ["all I say"]


def test_they_are_chosen_by_job_by_kind_and_from_a_level_on(db: Session) -> None:
    round_ = scenes.training_round(db, builders.study(db), steps=3)
    chunk, training = (
        db.scalars(select(Job).where(Job.round_id == round_.id, Job.kind == kind)).one()
        for kind in (JobKind.CHUNK, JobKind.TRAINING)
    )
    say(db, chunk, "drawn")
    say(db, training, "a step")
    say(db, training, "hm", level=LogLevel.WARNING)
    say(db, training, "no", level=LogLevel.ERROR)
    assert read(db, round_.id, Wanted(job=chunk.id)) == ["drawn"]
    assert read(db, round_.id, Wanted(kind=JobKind.TRAINING)) == ["no", "hm", "a step"]
    assert read(db, round_.id, Wanted(level=LogLevel.WARNING)) == ["no", "hm"]
    assert read(db, round_.id, Wanted(level=LogLevel.DEBUG)) == ["no", "hm", "a step", "drawn"]
    assert job_logs.newest(db, round_.id)[0].number == 1  # the run's


def test_evaluation_is_told_with_the_round_that_made_the_checkpoint_and_the_base_with_the_first(db: Session) -> None:
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=1)
    second = scenes.checkpoint(db, study, parent=first, draws=1)
    by_number = {
        round_.number: round_.id
        for round_ in db.scalars(select(Round).where(Round.study_id == study.id, Round.kind == RoundKind.PREFERENCE))
    }
    evaluation = {"kind": JobKind.EVALUATION, "study_id": study.id}
    of_second = running(db, checkpoint_id=second.id, **evaluation)
    of_base = running(db, **evaluation)
    of_house = running(db, kind=JobKind.MODEL_CHECK, study_id=study.id)
    assert [job_logs.round_of(db, jobs.claim_of(job)) for job in (of_second, of_base, of_house)] == [
        by_number[2], by_number[1], None,
    ]  # fmt: skip


def test_what_a_text_column_cannot_hold_is_stored_all_the_same(db: Session, round_: Round) -> None:
    job = running(db, study_id=round_.study_id, round_id=round_.id)
    say(db, job, "nul \0 and half a pair \ud800", "x" * 9000 + "the end")
    long, odd = read(db, round_.id)
    assert odd == "nul  and half a pair ?"
    assert len(long) == 4000
    assert long.endswith("xthe end")


def test_a_job_whose_worker_was_lost_too_often_ends_with_the_reason(db: Session, round_: Round) -> None:
    job = running(db, study_id=round_.study_id, round_id=round_.id, failures=jobs.MOST_FAILURES - 1)
    job.lease_until = func.now() - timedelta(seconds=1)
    db.flush()
    sweep._end_worn_out(db)
    (line,) = job_logs.newest(db, round_.id)
    assert line.level is LogLevel.ERROR
    assert line.message == f"Given up: {job.error}"
    assert "The worker was lost 3 times" in line.message


def test_lines_go_with_their_job(db: Session, round_: Round) -> None:
    job = running(db, study_id=round_.study_id, round_id=round_.id)
    say(db, job, "here")
    db.delete(job)
    db.flush()
    assert db.scalar(select(func.count(LogLine.id))) == 0

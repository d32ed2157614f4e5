from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Stored
from app.models import Group, Job, JobKind, JobState, Pair, RoundKind, RoundState, Sampler
from app.services import evaluation, evaluation_rounds, jobs, studies
from app.services.samples import Drawn
from tests import builders


def draw_all(session: Session, job: Job, value: float) -> int:
    """Draw what the job still has to draw, with no pixels; returns the number of slices."""
    claim = jobs.claim_of(job)
    slices = evaluation.slices(session, claim)
    for part in slices:
        drawn = [
            Drawn(
                group.group_id,
                evaluation.policy_number(session, claim.checkpoint_id),
                64,
                64,
                Stored(f"i/{job.id}/{group.group_id}", 1, "a" * 64),
                Stored(f"w/{job.id}/{group.group_id}", 1, "b" * 64),
                None,
            )
            for group in part
        ]
        evaluation.store(session, claim, drawn, {group.group_id: {"size": value + group.draw} for group in part})
    jobs.end(job, JobState.DONE)
    return len(slices)


def test_the_set_is_planned_once_per_policy_and_drawn_in_fixed_slices(db: Session) -> None:
    study = builders.study(db, settings=builders.settings(sampling={"eval_draws": 2, "batch": 3}))
    base = evaluation.plan(db, study, checkpoint_id=None)
    assert evaluation.plan(db, study, checkpoint_id=None) is base
    groups = db.scalars(select(Group).where(Group.study_id == study.id)).all()
    assert len(groups) == len(builders.PROMPTS) * 2 * len(Sampler)
    slices = evaluation.slices(db, jobs.claim_of(base))
    assert [len(part) for part in slices] == [3, 3, 2, 3, 3, 2]
    assert all(len({group.sampler for group in part}) == 1 for part in slices)
    assert slices[0][0].sampler == Sampler.STUDY
    assert draw_all(db, base, 1.0) == 6
    assert evaluation.slices(db, jobs.claim_of(base)) == []


def test_scores_are_means_by_policy_and_sampler(db: Session) -> None:
    study = builders.study(db, settings=builders.settings(sampling={"eval_draws": 2}))
    round_ = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    run = builders.training_run(db, training_set_id=builders.training_set(db, round_id=round_.id).id)
    checkpoint = builders.checkpoint(db, training_run_id=run.id)
    draw_all(db, evaluation.plan(db, study, checkpoint_id=None), 3.0)
    draw_all(db, evaluation.plan(db, study, checkpoint_id=checkpoint.id), 2.0)
    scores = {(s.checkpoint_id, s.sampler): (s.mean, s.pictures) for s in evaluation.scores(db, study.id)}
    assert scores == {
        (policy, sampler): (mean, 8) for policy, mean in ((None, 3.5), (checkpoint.id, 2.5)) for sampler in Sampler
    }


def test_an_evaluation_round_pairs_the_two_policies_as_their_pictures_come(db: Session) -> None:
    study = builders.study(db, settings=builders.settings(sampling={"eval_draws": 1}))
    done = builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    run = builders.training_run(db, training_set_id=builders.training_set(db, round_id=done.id).id)
    checkpoint = builders.checkpoint(db, training_run_id=run.id)
    round_ = evaluation_rounds.launch(
        db, study_id=study.id, checkpoint_id=checkpoint.id, other_checkpoint_id=None, actor=None
    )
    assert (round_.kind, round_.state, round_.groups) == (RoundKind.EVALUATION, RoundState.GENERATING, 4)
    planned = db.scalars(select(Job).where(Job.study_id == study.id, Job.kind == JobKind.EVALUATION)).all()
    assert evaluation_rounds.make_pairs(db, round_) == 0
    assert evaluation_rounds.unfinished(db, round_)
    for job in planned:
        draw_all(db, job, 1.0)
    assert evaluation_rounds.make_pairs(db, round_) == 4
    assert evaluation_rounds.make_pairs(db, round_) == 0
    assert not evaluation_rounds.unfinished(db, round_)
    pairs = db.scalars(select(Pair).where(Pair.round_id == round_.id)).all()
    assert len(pairs) == 4
    assert studies.open_round(db, study.id) is None

import uuid
from collections import Counter

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import (
    Answer,
    Checkpoint,
    Group,
    Hold,
    Job,
    JobKind,
    JobState,
    Pair,
    PairState,
    Prompt,
    Round,
    RoundState,
    Sample,
    Sampler,
    SampleState,
    Study,
    UserKind,
)
from app.services import (
    agreement,
    choices,
    dealing,
    evaluation_results,
    evaluation_rounds,
    gold,
    gold_views,
    preference_export,
    preferences,
    round_moves,
    studies,
    thanks,
)
from tests import builders, scenes
from tests.comparisons import ONE, checkpoint, comparison, judged


@pytest.fixture
def study(db: Session) -> Study:
    return builders.study(db, settings=builders.settings(sampling={"eval_draws": 2}))


@pytest.fixture
def made(db: Session, study: Study) -> Checkpoint:
    """A checkpoint with all evaluation pictures of its own and of the base: four prompts, two draws, both samplers."""
    return scenes.checkpoint(db, study)


def launched(db: Session, made: Checkpoint, **asked) -> Round:
    return evaluation_rounds.launch(
        db, study_id=made.study_id, checkpoint_id=made.id, other_checkpoint_id=None, actor=None, **asked
    )


def groups(db: Session, round_: Round) -> list[Group]:
    """The groups of the round's pairs, in the order of the pairs."""
    return list(db.scalars(select(Group).join(Pair).where(Pair.round_id == round_.id).order_by(Pair.id)))


def answer_all(db: Session, study_id: int, *, user=None, answer: Answer = Answer.FIRST) -> None:
    """Someone answers all that they are dealt."""
    user = user or builders.user(db)
    while dealt := dealing.deal(db, study_id=study_id, user=user, count=5).pairs:
        for pair in dealt:
            choices.record(
                db, pair_id=pair.pair_id, user=user, answer=answer, key=uuid.uuid4(),
                lease_id=pair.lease_id, response_ms=800,
            )  # fmt: skip


def test_all_pictures_are_paired_at_launch_where_they_are_drawn(db: Session, made: Checkpoint) -> None:
    round_ = launched(db, made)
    assert (round_.groups, round_.sampler) == (8, Sampler.STUDY)
    assert len(groups(db, round_)) == 8
    assert {group.sampler for group in groups(db, round_)} == {Sampler.STUDY}
    assert round_moves.settle(db, round_.id)
    assert round_.state is RoundState.LABELING


def test_fewer_pairs_take_the_first_noise_of_every_prompt_before_the_second_of_any(
    db: Session, made: Checkpoint
) -> None:
    few = groups(db, launched(db, made, pairs=6))
    assert [group.draw for group in few] == [0, 0, 0, 0, 1, 1]
    assert len({group.prompt_id for group in few[:4]}) == 4
    orders = {tuple(g.prompt_id for g in groups(db, launched(db, made, pairs=4))) for _ in range(6)}
    assert len(orders) > 1  # each round has an order of its own, so that few pairs are not always of the same prompts


def test_which_policy_is_first_is_drawn_for_each_pair(db: Session, study: Study) -> None:
    study.settings = builders.settings(sampling={"eval_draws": 16})
    round_ = launched(db, scenes.checkpoint(db, study, draws=16))
    firsts = db.scalars(
        select(Sample.checkpoint_id).join(Pair, Pair.first_id == Sample.id).where(Pair.round_id == round_.id)
    )
    counted = Counter(first is None for first in firsts)
    assert sum(counted.values()) == 64
    assert 16 <= counted[True] <= 48  # within four standard deviations of a half


def test_pictures_at_eta_0_are_compared_but_for_those_that_thank_yous_show(db: Session, made: Checkpoint) -> None:
    study = db.get_one(Study, made.study_id)
    shown = thanks.prompts_shown(db, study)
    round_ = launched(db, made, sampler=Sampler.DDIM)
    numbers = {prompt.id: prompt.number for prompt in db.scalars(select(Prompt))}
    compared = {(numbers[group.prompt_id], group.draw) for group in groups(db, round_)}
    assert {group.sampler for group in groups(db, round_)} == {Sampler.DDIM}
    assert compared == {(number, 1) for number in range(4)}
    assert not compared & {(number, thanks.DRAW) for number in shown}


def test_where_thank_yous_show_all_pictures_at_eta_0_it_says_what_helps(db: Session, study: Study) -> None:
    study.settings = builders.settings(sampling={"eval_draws": 1})
    with pytest.raises(BadInput) as refused:
        launched(db, scenes.checkpoint(db, study, draws=1), sampler=Sampler.DDIM)
    assert "as the study draws" in str(refused.value.remedy)


@pytest.mark.parametrize("pairs", [0, 9])
def test_more_pairs_than_there_are_are_refused(db: Session, made: Checkpoint, pairs: int) -> None:
    with pytest.raises(BadInput) as refused:
        launched(db, made, pairs=pairs)
    assert refused.value.fields == {"pairs": "between 1 and 8"}


def test_policies_are_two_of_the_study(db: Session, made: Checkpoint) -> None:
    with pytest.raises(NotFound):
        evaluation_rounds.launch(
            db, study_id=made.study_id, checkpoint_id=builders.checkpoint(db).id, other_checkpoint_id=None, actor=None
        )
    with pytest.raises(BadInput):
        evaluation_rounds.launch(
            db, study_id=made.study_id, checkpoint_id=None, other_checkpoint_id=None, actor=None
        )  # fmt: skip
    assert evaluation_rounds.policy(db, made.study_id, 1) == made.id
    assert evaluation_rounds.policy(db, made.study_id, 0) is None
    with pytest.raises(NotFound):
        evaluation_rounds.policy(db, made.study_id, 2)


def test_the_newer_policy_is_named_first_whichever_was_given_first(db: Session, made: Checkpoint) -> None:
    newer = scenes.checkpoint(db, db.get_one(Study, made.study_id), parent=made)
    for one, other in ((made.id, newer.id), (newer.id, made.id)):
        round_ = evaluation_rounds.launch(
            db, study_id=made.study_id, checkpoint_id=one, other_checkpoint_id=other, actor=None
        )
        assert (round_.checkpoint_id, round_.other_checkpoint_id) == (newer.id, made.id)
    turned = evaluation_rounds.launch(
        db, study_id=made.study_id, checkpoint_id=None, other_checkpoint_id=made.id, actor=None
    )
    assert (turned.checkpoint_id, turned.other_checkpoint_id) == (made.id, None)


def test_it_asks_people_for_choices_of_its_own_number_whatever_the_study_asks_later(db: Session, study: Study) -> None:
    study.settings = builders.settings(sampling={"eval_draws": 2}, labeling={"counted": "judges"})
    round_ = launched(db, scenes.checkpoint(db, study), choices_per_pair=3)
    studies.change_labeling(
        db, study_id=study.id, labeling={"choices_per_pair": 1, "counted": "judges", "allow_tie": False}, actor=None
    )
    asked = round_.settings["labeling"]
    assert (asked["choices_per_pair"], asked["counted"], asked["allow_tie"]) == (3, "people", False)
    answer_all(db, study.id, user=builders.user(db, kind=UserKind.JUDGE))
    assert {pair.filled for pair in db.scalars(select(Pair).where(Pair.round_id == round_.id))} == {0}


def test_pictures_that_are_missing_are_drawn_and_a_retry_draws_those_that_failed(db: Session, study: Study) -> None:
    scenes.checkpoint(db, study)
    other = checkpoint(db, study)
    job = builders.job(
        db, kind=JobKind.EVALUATION, study_id=study.id, checkpoint_id=other.id, state=JobState.FAILED
    )  # fmt: skip
    round_ = launched(db, other)
    assert (job.state, groups(db, round_)) == (JobState.WAITING, [])
    assert not round_moves.settle(db, round_.id)  # it waits for them
    job.state, job.error = JobState.FAILED, "The disk is full."
    for base in db.scalars(select(Job).where(Job.kind == JobKind.EVALUATION, Job.checkpoint_id.is_(None))):
        base.state = JobState.DONE
    assert round_moves.settle(db, round_.id)
    assert round_.hold is Hold.FAILED
    assert "The disk is full." in (round_.hold_reason or "")
    round_moves.retry(db, round_id=round_.id, actor=None)
    assert (job.state, round_.hold) == (JobState.WAITING, Hold.NONE)


def test_it_does_not_end_by_itself_without_pairs_that_could_not_be_drawn(db: Session, made: Checkpoint) -> None:
    """All pairs that are there are answered, two are missing, and the job that draws them failed for good."""
    for sample in db.scalars(select(Sample).where(Sample.checkpoint_id == made.id, Sample.state == SampleState.READY)):
        group = db.get_one(Group, sample.group_id)
        if group.sampler is Sampler.STUDY and group.draw == 1 and group.number % 4 < 2:
            sample.state = SampleState.LOST
    round_ = launched(db, made)
    job = db.scalars(select(Job).where(Job.kind == JobKind.EVALUATION, Job.checkpoint_id == made.id)).one()
    job.state, job.error = JobState.FAILED, "The disk is full."
    for base in db.scalars(select(Job).where(Job.kind == JobKind.EVALUATION, Job.checkpoint_id.is_(None))):
        base.state = JobState.DONE
    there = len(groups(db, round_))
    assert 0 < there < 8
    round_moves.settle(db, round_.id)
    answer_all(db, made.study_id)
    assert round_moves.settle(db, round_.id)
    assert (round_.state, round_.hold) == (RoundState.LABELING, Hold.FAILED)
    reason = f"{8 - there} of 8 pairs could not be drawn: retry, or end the comparison without them. The disk is full."
    assert round_.hold_reason == reason
    assert {"retry", "advance", "cancel"} <= round_moves.allowed(round_)
    round_moves.advance(db, round_id=round_.id, actor=None)
    assert round_.state is RoundState.COMPLETE


def test_it_runs_to_its_end_and_says_who_won_and_nothing_is_trained(db: Session, made: Checkpoint) -> None:
    round_ = launched(db, made)
    round_moves.settle(db, round_.id)
    prefer(db, round_, made.id)
    assert round_moves.settle(db, round_.id)
    assert round_.state is RoundState.COMPLETE
    found = evaluation_results.of_round(db, round_.id)
    assert (found.tally.wins, found.tally.other_wins) == (8, 0)
    assert found.better is not None
    assert found.better.checkpoint_id == made.id
    assert not db.scalars(select(Job).where(Job.kind == JobKind.TRAINING)).all()
    assert "train_again" not in round_moves.allowed(round_)


def prefer(db: Session, round_: Round, checkpoint_id: int | None) -> None:
    """Someone answers all pairs of the round for one policy's picture."""
    user = builders.user(db)
    while dealt := dealing.deal(db, study_id=round_.study_id, user=user, count=5).pairs:
        for pair in dealt:
            first = db.get_one(Sample, db.get_one(Pair, pair.pair_id).first_id)
            answer = Answer.FIRST if first.checkpoint_id == checkpoint_id else Answer.SECOND
            choices.record(
                db, pair_id=pair.pair_id, user=user, answer=answer, key=uuid.uuid4(),
                lease_id=pair.lease_id, response_ms=800,
            )  # fmt: skip


def test_its_choices_are_no_preferences_of_the_round_that_is_labeled_beside_it(db: Session, made: Checkpoint) -> None:
    beside = builders.round_(db, study_id=made.study_id)
    pair = builders.pair(db, round_id=beside.id)
    launched(db, made)
    answer_all(db, made.study_id)
    assert [preference.pair for preference in preferences.of_round(db, beside)] == [pair.id]
    assert [row.pair for row in preference_export.rows(db, made.study_id, secret="s") if row.round == beside.id] == [
        pair.id
    ]
    kinds = {row.round_kind for row in preference_export.rows(db, made.study_id, secret="s")}
    assert kinds == {beside.kind}


def test_its_pairs_are_never_shown_as_known(db: Session, study: Study) -> None:
    round_ = comparison(db, study, None, scenes.checkpoint(db, study).id, state=RoundState.COMPLETE)
    pair = judged(db, round_, ONE, ONE, ONE)
    pair.state, pair.filled, pair.closed_at = PairState.CLOSED, 3, builders.now()
    db.flush()
    known = gold.unseen(
        db, study_id=study.id, user=builders.user(db), offered=["first", "second"], count=5, without=set(), seed="s"
    )
    assert known == []
    assert all(one.id != pair.id for one in gold_views.pairs(db, study.id, only_set=False))
    with pytest.raises(BadInput):
        gold.set_answer(db, pair_id=pair.id, answer=Answer.FIRST, actor=None)


def test_agreement_in_a_round_is_of_that_round_alone(db: Session, study: Study) -> None:
    round_ = comparison(db, study, None, scenes.checkpoint(db, study).id)
    judged(db, round_, ONE, ONE)
    judged(db, round_, Answer.TIE, Answer.TIE)
    beside = builders.round_(db, study_id=study.id)
    for _ in range(2):
        pair = builders.pair(db, round_id=beside.id)
        for answer in (Answer.FIRST, Answer.SECOND):
            builders.choice(db, pair_id=pair.id, answer=answer)
    assert agreement.alpha(db, Round.id == round_.id).value == 1
    assert (agreement.alpha(db, Round.id == beside.id).value or 0) < 0

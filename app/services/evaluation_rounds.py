"""Evaluation rounds: blind comparisons of two policies on the study's evaluation pictures, by people, never trained on.

Which of the two is the first of a pair is drawn by a hash, so that nothing an annotator is given tells the policies
apart from pair to pair. A few pictures drawn at eta 0 are left out: thank-yous show them with their policies.
"""

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.errors import BadInput, NotFound
from app.models import (
    Checkpoint,
    Group,
    Job,
    JobKind,
    JobState,
    Pair,
    Prompt,
    Round,
    RoundKind,
    RoundState,
    Sample,
    Sampler,
    SampleState,
    Split,
    Study,
    User,
)
from app.models.base import Json
from app.services import evaluation, events, prompt_sets, rounds, thanks, totals
from app.services.draws import fraction
from app.services.idempotency import made_before
from app.study_settings import merged, validated


def launch(
    session: Session, *, study_id: int, checkpoint_id: int | None, other_checkpoint_id: int | None,
    sampler: Sampler = Sampler.STUDY, pairs: int | None = None, choices_per_pair: int | None = None,
    actor: User | None, idempotency_key: str | None = None,
) -> Round:  # fmt: skip
    """Launch a blind comparison of two policies (none: the base) on evaluation pictures drawn by `sampler`.
    The round names the newer first, so that its result tells how often people prefer the newer.

    On all of them, or on `pairs`: the first noise of every prompt, then the second of each, in an order of the round's
    own. Asks people alone, for the study's `choices_per_pair` or as many as are given. Pictures that are not drawn yet
    are drawn now. Raises `BadInput` for a policy with itself and for more pairs than there are, `NotFound` for another
    study's checkpoint.
    """
    made = made_before(session, Round, idempotency_key, study_id=study_id)
    if made is not None:
        return made
    study = rounds.to_launch(session, study_id)
    newer, older = _newer_first(session, study, checkpoint_id, other_checkpoint_id)
    asked: Json = {"counted": "people"}
    if choices_per_pair is not None:
        asked["choices_per_pair"] = choices_per_pair
    last = rounds.newest(session, study_id, RoundKind.EVALUATION)
    round_ = Round(
        study_id=study_id,
        kind=RoundKind.EVALUATION,
        number=last.number + 1 if last else 1,
        state=RoundState.GENERATING,
        settings=merged(validated(study.settings), {"labeling": asked}).model_dump(),
        checkpoint_id=newer,
        other_checkpoint_id=older,
        sampler=sampler,
        groups=_pairs_wanted(session, study, sampler, pairs),
        launched_by_id=actor.id if actor else None,
        idempotency_key=idempotency_key,
    )
    rounds.store(session, round_)
    draw(session, round_)
    make_pairs(session, round_)
    events.write(session, "round.launched", round_, actor=actor, number=round_.number, groups=round_.groups)
    return round_


def most_pairs(session: Session, study: Study, sampler: Sampler) -> int:
    """How many pairs a comparison of the study can have: its evaluation pictures, less those that thank-yous show."""
    prompts = prompt_sets.prompts_of(session, study.prompt_set_id, Split.EVAL)
    every = len(prompts) * validated(study.settings).sampling.eval_draws
    return every - (len(thanks.prompts_shown(session, study)) if sampler is Sampler.DDIM else 0)


def draw(session: Session, round_: Round) -> None:
    """Have drawn what the round's policies lack of evaluation pictures; jobs that failed are tried again."""
    study = session.get_one(Study, round_.study_id)
    for policy in (round_.checkpoint_id, round_.other_checkpoint_id):
        evaluation.plan(session, study, checkpoint_id=policy)


def make_pairs(session: Session, round_: Round) -> int:
    """Pair the two policies' pictures that are drawn by now and not yet paired in this evaluation round."""
    if _paired(session, round_) >= round_.groups:
        return 0
    paired = select(Pair.group_id).where(Pair.round_id == round_.id)
    one, other = aliased(Sample), aliased(Sample)
    numbers = [evaluation.policy_number(session, c) for c in (round_.checkpoint_id, round_.other_checkpoint_id)]
    wanted = _groups(session, round_).subquery()
    ready = session.execute(
        select(wanted.c.id, one.id, other.id)
        .join(one, (one.group_id == wanted.c.id) & (one.number == numbers[0]) & (one.state == SampleState.READY))
        .join(
            other, (other.group_id == wanted.c.id) & (other.number == numbers[1]) & (other.state == SampleState.READY)
        )
        .where(wanted.c.id.not_in(paired))
        .order_by(wanted.c.place)
    ).all()
    for group_id, *two in ready:
        first, second = two if fraction(f"first/{round_.id}/{group_id}") < 0.5 else reversed(two)
        session.add(Pair(round_id=round_.id, group_id=group_id, first_id=first, second_id=second))
    session.flush()
    totals.added(session, round_.id, len(ready))
    return len(ready)


def unfinished(session: Session, round_: Round) -> bool:
    """Whether pictures that this evaluation round compares are still to be drawn."""
    return bool(_missing(session, round_)) and _has_job(session, round_, JobState.WAITING, JobState.RUNNING)


def not_drawn(session: Session, round_: Round) -> int:
    """How many of the round's pairs are missing because a policy's pictures could not be drawn."""
    missing = _missing(session, round_)
    return missing if missing and _has_job(session, round_, JobState.FAILED) else 0


def _missing(session: Session, round_: Round) -> int:
    return max(0, round_.groups - _paired(session, round_))


def _has_job(session: Session, round_: Round, *states: JobState) -> bool:
    """Whether the job that draws one of the round's policies is in one of these states."""
    found = session.scalars(
        select(Job.checkpoint_id).where(
            Job.study_id == round_.study_id, Job.kind == JobKind.EVALUATION, Job.state.in_(states)
        )
    )
    return not {round_.checkpoint_id, round_.other_checkpoint_id}.isdisjoint(found)


def _paired(session: Session, round_: Round) -> int:
    return session.scalar(select(func.count()).where(Pair.round_id == round_.id)) or 0


def _groups(session: Session, round_: Round) -> Select[Any]:
    """The evaluation groups that the round compares, each with its place in the order in which they are taken."""
    study = session.get_one(Study, round_.study_id)
    shown = thanks.prompts_shown(session, study) if round_.sampler is Sampler.DDIM else set()
    shuffled = func.md5(func.concat(study.seed, "/", round_.number, "/", Prompt.number))
    return (
        select(Group.id, func.row_number().over(order_by=(Group.draw, shuffled)).label("place"))
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(
            Group.study_id == round_.study_id,
            Group.round_id.is_(None),
            Group.sampler == round_.sampler,
            or_(Group.draw != thanks.DRAW, Prompt.number.not_in(shown)),
        )
        .order_by("place")
        .limit(round_.groups)
    )


def _pairs_wanted(session: Session, study: Study, sampler: Sampler, pairs: int | None) -> int:
    most = most_pairs(session, study, sampler)
    if most == 0 and sampler is Sampler.DDIM:
        raise BadInput(
            "All of the study's evaluation pictures at eta 0 may have been shown to people in a thank-you.",
            "Compare pictures drawn as the study draws.", fields={"sampler": "there are no pictures to compare"},
        )  # fmt: skip
    if most == 0:
        raise BadInput(
            "The study has no evaluation prompts, so there is nothing to compare.",
            "Duplicate it with a prompt set that has some.",
        )
    if pairs is not None and not 1 <= pairs <= most:
        raise BadInput(
            f"{pairs} pairs cannot be compared.", f"Give a number from 1 to {most}, or none for all.",
            fields={"pairs": f"between 1 and {most}"},
        )  # fmt: skip
    return pairs or most


def _newer_first(session: Session, study: Study, one: int | None, other: int | None) -> list[int | None]:
    """Both policies, the newer first. Raises `BadInput` and `NotFound` as `launch` says."""
    if one == other:
        raise BadInput("Both policies are the same.", "Choose two different ones.")
    for wanted in (one, other):
        checkpoint = session.get(Checkpoint, wanted) if wanted is not None else None
        if wanted is not None and (checkpoint is None or checkpoint.study_id != study.id):
            raise NotFound(f"This study has no checkpoint {wanted}.")
    return sorted((one, other), key=lambda wanted: evaluation.policy_number(session, wanted), reverse=True)


def policy(session: Session, study_id: int, number: int) -> int | None:
    """The policy of this number in the study: the base (none) for 0, else a checkpoint's id. Raises `NotFound`."""
    if number == 0:
        return None
    query = select(Checkpoint.id).where(Checkpoint.study_id == study_id, Checkpoint.number == number)
    found = session.scalar(query)
    if found is None:
        raise NotFound(f"This study has no checkpoint with the number {number}.")
    return found

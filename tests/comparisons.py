"""Evaluation rounds made by the builders: two policies, pairs of their pictures, and what people said of them."""

from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import Answer, Checkpoint, Pair, Round, RoundKind, RoundState, Sample, Sampler, Study
from tests import builders

ONE, OTHER = Answer.FIRST, Answer.SECOND  # the picture of the policy that the round names first, or of the other
TURNED = {ONE: OTHER, OTHER: ONE}


def checkpoint(session: Session, study: Study) -> Checkpoint:
    """A checkpoint of the study without files, with the complete round that made it."""
    done = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
    run = builders.training_run(session, training_set_id=builders.training_set(session, round_id=done.id).id)
    return builders.checkpoint(session, training_run_id=run.id)


def comparison(session: Session, study: Study, one: int | None, other: int | None, **columns: Any) -> Round:
    """An evaluation round of two policies (none: the base) without pairs."""
    return builders.round_(
        session, study_id=study.id, kind=RoundKind.EVALUATION, checkpoint_id=one, other_checkpoint_id=other, **columns
    )


def judged(
    session: Session, round_: Round, *answers: Answer, one_first: bool = True, sampler: Sampler = Sampler.STUDY,
    artifacts: Artifacts | None = None, prompt_id: int | None = None, **choice: Any,
) -> Pair:  # fmt: skip
    """A pair of the round at a noise of its own, with each of the answers by a person of its own. `ONE` and `OTHER`
    name the policy whose picture is better, whichever of the pair it is."""
    prompt = {"prompt_id": prompt_id} if prompt_id is not None else {}
    group = builders.group(
        session, study_id=round_.study_id, draw=next(builders.NUMBERS), sampler=sampler, **prompt
    )  # fmt: skip
    pair = builders.pair(session, round_id=round_.id, group_id=group.id, artifacts=artifacts)
    policies = (round_.checkpoint_id, round_.other_checkpoint_id)
    for sample_id, policy in zip(
        (pair.first_id, pair.second_id), policies if one_first else policies[::-1], strict=True
    ):
        session.get_one(Sample, sample_id).checkpoint_id = policy
    for answer in answers:
        said = answer if one_first else TURNED.get(answer, answer)
        builders.choice(session, pair_id=pair.id, answer=said, **choice)
    session.flush()
    return pair

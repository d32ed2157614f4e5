"""How good labels are: everyone's numbers for admins, one's own for each annotator."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.models import RoundKind, RoundState, RunState
from app.services import leaving_out, participations, quality
from app.services.leaving_out import Turn
from app.services.quality import Annotator, Standing
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.scoped import MayAnnotate, MayManagePeople
from app.web.api.shapes import Shape, ShareShape
from app.web.deps import SessionDep

router = APIRouter(tags=["quality"])


class TimesShape(BaseModel):
    """Response times of counted choices. Outliers by the median absolute deviation of their logarithms."""

    median_ms: float
    hasty: int = Field(description="Under 300 ms: nobody can have looked.")
    fast: int
    slow: int


class RepeatsShape(BaseModel):
    """Pairs shown again with their sides exchanged."""

    same: int = Field(description="Answered as before.")
    same_side: int = Field(description="The same side of the screen, so the other picture: side bias, not opinion.")
    otherwise: int


class AgreementShape(BaseModel):
    share: float = Field(description="Of the others' answers on the same pairs.")
    pairs: int


class Numbers(BaseModel):
    """One annotator's numbers in a study; null what was never measured."""

    user: int
    name: str
    is_judge: bool
    choices: int
    answers: dict[str, int]
    extra: int
    late: int
    per_hour: float | None = Field(description="Choices an hour, breaks of more than five minutes left out.")
    times: TimesShape | None
    gold: ShareShape = Field(description="Right answers on pairs whose answer is known.")
    repeats: RepeatsShape
    left: ShareShape = Field(description="Answers for a picture that named the left one.")
    agreement: AgreementShape | None
    last_at: datetime | None


class StandingShape(BaseModel):
    paused_at: datetime | None
    paused_reason: str | None
    paused_by: str | None = Field(description="Null: the study's own rule.")
    left_out_at: datetime | None


class AnnotatorShape(Numbers, StandingShape):
    """An annotator as admins see them."""


class Pause(Body):
    reason: str = Field("", description="What they read; empty: a general, kind sentence.")


class RoundChangeShape(Shape):
    """One round in which this person's choices speak, and what becomes of the pairs that they answered."""

    round_id: int
    kind: RoundKind
    number: int
    state: RoundState
    pairs: int
    turns: dict[Turn, int] = Field(
        description="Pairs whose preference turns to the other picture, becomes a tie (`tied`), says nothing any more "
        "(`lost`), says something for the first time (`gained`), is another number on the same side (`shifted`), or "
        "stays the same."
    )
    opened: int = Field(description="Pairs that open again, where the round still asks.")
    places: int = Field(description="Choices that are asked for again.")


class TrainedShape(Shape):
    """A training run on a frozen set that holds choices of theirs."""

    round_id: int
    round_number: int
    run_id: int
    run_number: int
    state: RunState
    choices: int
    pairs: int
    of_pairs: int
    checkpoint_id: int | None
    checkpoint_number: int | None
    later: int = Field(description="Checkpoints that were trained onwards from its own.")
    leads_to_current: bool = Field(description="The study's current checkpoint is its own, or one of these.")


class LeavingOut(BaseModel):
    """What it would change to leave someone out. Agreement and known answers are of all people."""

    user: int
    choices: int
    rounds: list[RoundChangeShape]
    alpha: float | None
    alpha_without: float | None
    gold: ShareShape
    gold_without: ShareShape
    trained: list[TrainedShape]


class QualityShape(BaseModel):
    alpha: float | None = Field(description="Krippendorff's alpha, nominal; null where it is not defined.")
    alpha_pairs: int = Field(description="Pairs that at least two people answered.")
    annotators: list[AnnotatorShape]


@router.get(
    "/studies/{study_id}/annotators", operation_id="list_annotators", summary="How good the labels are, by annotator"
)
def index(study_id: int, session: SessionDep, user: MayManagePeople, round: int | None = None) -> QualityShape:
    """Of the whole study, or of one `round` of it."""
    found = quality.of_study(session, study_id, round_id=round)
    return QualityShape(
        alpha=found.alpha.value,
        alpha_pairs=found.alpha.pairs,
        annotators=[
            AnnotatorShape.model_validate(_numbers(a) | _standing(standing)) for a, standing in found.annotators
        ],
    )


@router.post(
    "/studies/{study_id}/annotators/{user_id}/pause",
    operation_id="pause_annotator",
    summary="Deal someone no more pairs",
)
def pause(study_id: int, user_id: int, body: Pause, session: SessionDep, user: MayManagePeople) -> StandingShape:
    """What they said still counts."""
    participations.pause(session, study_id=study_id, user_id=user_id, reason=body.reason, actor=user)
    return _standing_of(session, study_id, user_id)


@router.post(
    "/studies/{study_id}/annotators/{user_id}/resume", operation_id="resume_annotator", summary="Let someone go on"
)
def resume(study_id: int, user_id: int, session: SessionDep, user: MayManagePeople) -> StandingShape:
    """Known answers from before are forgiven."""
    participations.resume(session, study_id=study_id, user_id=user_id, actor=user)
    return _standing_of(session, study_id, user_id)


@router.get(
    "/studies/{study_id}/annotators/{user_id}/leave-out",
    operation_id="preview_leaving_out",
    responses=problems(409),
    summary="What leaving someone out would change",
)
def before_leaving_out(study_id: int, user_id: int, session: SessionDep, user: MayManagePeople) -> LeavingOut:
    """Nothing is changed by asking. 409 where they are left out already."""
    found = leaving_out.preview(session, study_id=study_id, user_id=user_id)
    return LeavingOut(
        user=found.user_id,
        choices=found.choices,
        rounds=[RoundChangeShape.model_validate(change) for change in found.rounds],
        alpha=found.alpha.value,
        alpha_without=found.alpha_without.value,
        gold=ShareShape.of_share(found.gold),
        gold_without=ShareShape.of_share(found.gold_without),
        trained=[TrainedShape.model_validate(run) for run in found.trained],
    )


@router.post(
    "/studies/{study_id}/annotators/{user_id}/leave-out",
    operation_id="leave_out_annotator",
    summary="Leave someone's choices out",
)
def leave_out(study_id: int, user_id: int, session: SessionDep, user: MayManagePeople) -> StandingShape:
    """What they said speaks for no pair any more; pairs of open rounds ask again. 409 where they are out already."""
    participations.leave_out(session, study_id=study_id, user_id=user_id, actor=user)
    return _standing_of(session, study_id, user_id)


@router.post(
    "/studies/{study_id}/annotators/{user_id}/take-back",
    operation_id="take_back_annotator",
    summary="Count someone's choices again",
)
def take_back(study_id: int, user_id: int, session: SessionDep, user: MayManagePeople) -> StandingShape:
    """What they said speaks again, where its pair still takes choices."""
    participations.take_back(session, study_id=study_id, user_id=user_id, actor=user)
    return _standing_of(session, study_id, user_id)


@router.get("/studies/{study_id}/me", operation_id="get_my_numbers", summary="Your own numbers in a study")
def mine(study_id: int, session: SessionDep, user: MayAnnotate) -> Numbers:
    """Without your answers of the last ten minutes, so that they do not tell which pair was a test."""
    return Numbers.model_validate(_numbers(quality.of_person(session, study_id, user)))


def _numbers(annotator: Annotator) -> dict[str, object]:
    times, others = annotator.times, annotator.others
    return {
        "user": annotator.user_id,
        "name": annotator.name,
        "is_judge": annotator.is_judge,
        "choices": annotator.counts.choices,
        "answers": annotator.counts.answers,
        "extra": annotator.counts.extra,
        "late": annotator.counts.late,
        "per_hour": annotator.per_hour,
        "times": times and TimesShape(median_ms=times.median_ms, hasty=times.hasty, fast=times.fast, slow=times.slow),
        "gold": ShareShape.of_share(annotator.gold),
        "repeats": RepeatsShape.model_validate(annotator.repeats, from_attributes=True),
        "left": ShareShape.of_share(annotator.left),
        "agreement": others and AgreementShape(share=others.share, pairs=others.pairs),
        "last_at": annotator.last_at,
    }


def _standing_of(session: SessionDep, study_id: int, user_id: int) -> StandingShape:
    session.flush()
    return StandingShape.model_validate(quality.standing(session, study_id, user_id), from_attributes=True)


def _standing(standing: Standing) -> dict[str, object]:
    return StandingShape.model_validate(standing, from_attributes=True).model_dump()

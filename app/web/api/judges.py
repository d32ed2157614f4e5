"""Judges: which there are, how far they say what people say, and sending them through pictures."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.models import JobState, Queue, RoundKind
from app.models import Judge as JudgeRow
from app.services import judge_agreement, scorings, studies
from app.services.judge_agreement import Agreement, Disputed, OfRound
from app.services.judge_figures import Bin, Correlation
from app.services.measures import Share
from app.services.scorings import ScoringLine
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead, MayTakeData
from app.web.api.shapes import IdempotencyKey
from app.web.deps import SessionDep
from app.web.ids import MOST_ID, PathId

router = APIRouter(tags=["judges"])

RoundOfStudy = Annotated[
    int | None, Query(ge=1, le=MOST_ID, description="Of this round alone; without, of all rounds.")
]
JudgeName = Annotated[
    str, Query(max_length=64, description="Name of the judge.", examples=["aesthetic", "jpeg_compressibility"])
]


class JudgeShape(BaseModel):
    """A judge that some worker has installed."""

    name: str = Field(examples=["pickscore"])
    about: str = Field(description="What it measures.")
    unit: str = Field(examples=["kB"])
    larger_is_better: bool
    queue: Queue = Field(description="Whose workers score with it.")

    @classmethod
    def of(cls, row: JudgeRow) -> "JudgeShape":
        return cls.model_validate(row, from_attributes=True)


class JudgedShareShape(BaseModel):
    """A share with its Wilson interval of 95 %."""

    value: float | None = Field(description="Null where nothing was counted.", examples=[0.71])
    low: float = Field(examples=[0.64])
    high: float = Field(examples=[0.77])
    of: int = Field(description="Pairs behind it.", examples=[182])

    @classmethod
    def of_share(cls, share: Share) -> "JudgedShareShape":
        low, high = share.interval
        return cls(value=share.value, low=low, high=high, of=share.of)


class CorrelationShape(BaseModel):
    """With its interval of 95 % on Fisher's scale."""

    value: float = Field(examples=[0.42])
    low: float = Field(examples=[0.29])
    high: float = Field(examples=[0.53])

    @classmethod
    def maybe(cls, found: Correlation | None) -> "CorrelationShape | None":
        return cls(value=found.value, low=found.low, high=found.high) if found else None


class CellShape(BaseModel):
    """A cell of the table of both verdicts: `first`, `tie` and `second` are in the pair's own order."""

    judge: str = Field(description="Which picture the judge holds better.", examples=["first"])
    people: str = Field(description="Which one people do.", examples=["second"])
    pairs: int


class JudgeAgreementShape(BaseModel):
    """One judge beside people."""

    judge: str = Field(examples=["pickscore"])
    unit: str
    larger_is_better: bool
    pairs: int = Field(description="Pairs that people said something of and whose pictures the judge has scored.")
    accuracy: JudgedShareShape = Field(
        description="Of the pairs that people decided, how often the judge says the same; equal scores count half."
    )
    pearson: CorrelationShape | None = Field(
        description="Of the score difference with people's preference (point-biserial where one person answered). Null "
        "where no round has four pairs."
    )
    spearman: CorrelationShape | None = Field(description="The same of ranks.")
    table: list[CellShape]

    @classmethod
    def of(cls, found: Agreement) -> "JudgeAgreementShape":
        return cls(
            judge=found.judge, unit=found.unit, larger_is_better=found.larger_is_better, pairs=found.pairs,
            accuracy=JudgedShareShape.of_share(found.accuracy), pearson=CorrelationShape.maybe(found.pearson),
            spearman=CorrelationShape.maybe(found.spearman),
            table=[CellShape(judge=one, people=other, pairs=pairs) for (one, other), pairs in found.table.items()],
        )  # fmt: skip


class RoundAgreementShape(JudgeAgreementShape):
    """One judge beside people in one round."""

    round: int
    kind: RoundKind
    number: int

    @classmethod
    def of_round(cls, line: OfRound) -> "RoundAgreementShape":
        shape = JudgeAgreementShape.of(line.agreement).model_dump()
        return cls(round=line.round_id, kind=line.kind, number=line.number, **shape)


class StepShape(BaseModel):
    """Pairs whose scores lie about equally far apart."""

    difference: float = Field(description="Mean difference of the scores, in the judge's unit.", examples=[1.8])
    preferred: JudgedShareShape = Field(
        description="How often people prefer the judge's better picture; an even pair is half."
    )

    @classmethod
    def of(cls, one: Bin) -> "StepShape":
        preferred = JudgedShareShape.of_share(Share(one.preferred, one.pairs))
        return cls(difference=one.differences / one.pairs, preferred=preferred)


class DisputeShape(BaseModel):
    """A pair on which judge and people disagree; `first` and `second` are samples, whose pictures are at
    `/samples/{id}/image`."""

    pair: int
    round: int
    prompt: str
    first: int
    second: int
    first_score: float | None
    second_score: float | None
    p: float = Field(description="People's preference for the first picture.", examples=[0.0])
    choices: int

    @classmethod
    def of(cls, one: Disputed) -> "DisputeShape":
        first, second = one.pictures
        return cls(
            pair=one.pair_id, round=one.round_id, prompt=one.prompt, first=first.sample_id, second=second.sample_id,
            first_score=one.scores[0], second_score=one.scores[1], p=one.p, choices=one.choices,
        )  # fmt: skip


class NewScoring(Body):
    """Which judge is to score what."""

    model_config = ConfigDict(extra="forbid")

    judge: str = Field(
        max_length=64, description="Name of a judge, as `GET /judges` lists them.", examples=["aesthetic"]
    )
    round: int | None = Field(
        None, ge=1, le=MOST_ID, description="The pictures of this round alone; without, all of the study."
    )


class ScoringShape(BaseModel):
    """A judge's way through pictures. What it has scored already stays as it is."""

    id: int
    study: int
    round: int | None = Field(description="Null: all pictures of the study.")
    judge: str = Field(examples=["aesthetic"])
    queue: Queue
    state: JobState
    error: str | None
    done: int = Field(description="Pictures that have its score, of `total`.")
    total: int
    seconds_left: float | None = Field(description="An estimate; null while there is none.")
    scored: int = Field(description="Scores that this scoring stored.")
    unreadable: int = Field(description="Pictures whose file was gone or damaged.")
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, line: ScoringLine) -> "ScoringShape":
        names = set(cls.model_fields) - {"study", "round"}
        return cls(study=line.study_id, round=line.round_id, **{name: getattr(line, name) for name in names})


@router.get("/judges", operation_id="list_judges", summary="Judges that workers have installed")
def index(session: SessionDep, user: MayRead) -> list[JudgeShape]:
    """Workers tell which they have when they begin; one that nobody has told of for 30 days is left out."""
    return [JudgeShape.of(row) for row in scorings.offered(session)]


@router.get("/studies/{study_id}/agreement", operation_id="get_agreement", summary="How far judges say what people say")
def agreement(
    study_id: PathId, session: SessionDep, user: MayRead, round: RoundOfStudy = None
) -> list[JudgeAgreementShape]:
    """Every judge that has scored pictures which people chose between, the one that is right most often first. Counted
    by the site within seconds of an answer or a score."""
    studies.get(session, study_id)
    return [JudgeAgreementShape.of(found) for found in judge_agreement.of_study(session, study_id, round_id=round)]


@router.get(
    "/studies/{study_id}/agreement/rounds", operation_id="list_agreement_by_round", summary="A judge round by round"
)
def by_round(
    study_id: PathId, session: SessionDep, user: MayRead, judge: JudgeName, cursor: Cursor, limit: Limit = 50
) -> Page[RoundAgreementShape]:  # fmt: skip
    """The newest first, comparisons among them."""
    studies.get(session, study_id)
    found = judge_agreement.by_round(session, study_id, judge, before=cursor, limit=limit + 1)
    return page_of([RoundAgreementShape.of_round(line) for line in found], limit, lambda line: line.round)


@router.get(
    "/studies/{study_id}/agreement/calibration", operation_id="get_calibration",
    summary="How often people agree with a judge, by how far its scores lie apart",
)  # fmt: skip
def calibration(
    study_id: PathId, session: SessionDep, user: MayRead, judge: JudgeName, round: RoundOfStudy = None,
) -> list[StepShape]:  # fmt: skip
    """Up to nine steps of about as many pairs each, the smallest differences first."""
    studies.get(session, study_id)
    return [StepShape.of(one) for one in judge_agreement.calibration(session, study_id, judge, round_id=round)]


@router.get(
    "/studies/{study_id}/agreement/disputes", operation_id="list_disputes",
    summary="Pairs on which a judge and people disagree most",
)  # fmt: skip
def disputes(
    study_id: PathId, session: SessionDep, user: MayRead, judge: JudgeName, round: RoundOfStudy = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[DisputeShape]:  # fmt: skip
    """A clear preference of people against a large difference of scores comes first. Of each round twelve are kept."""
    studies.get(session, study_id)
    found = judge_agreement.disputes(session, study_id, judge, round_id=round, limit=limit)
    return [DisputeShape.of(one) for one in found]


@router.post(
    "/studies/{study_id}/scorings", operation_id="create_scoring", status_code=201,
    summary="Send a judge through a study's pictures", responses=problems(409),
)  # fmt: skip
def ask(
    study_id: PathId, body: NewScoring, response: Response, session: SessionDep, user: MayTakeData,
    key: IdempotencyKey = None,
) -> ScoringShape:  # fmt: skip
    """A worker of the judge's queue scores them. 409 while the judge is at the same pictures already."""
    made = scorings.ask(
        session, study_id=study_id, judge=body.judge, round_id=body.round, actor=user, idempotency_key=key
    )
    response.headers["Location"] = f"/api/v1/scorings/{made.id}"
    return ScoringShape.of(scorings.get(session, made.id))


@router.get("/studies/{study_id}/scorings", operation_id="list_scorings", summary="A study's scorings, newest first")
def scorings_of(
    study_id: PathId, session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 50
) -> Page[ScoringShape]:  # fmt: skip
    """With how far each is. Those that are over are among them."""
    studies.get(session, study_id)
    found = scorings.lines(session, study_id, before=cursor, limit=limit + 1)
    return page_of([ScoringShape.of(line) for line in found], limit, lambda scoring: scoring.id)


@router.get("/scorings/{scoring_id}", operation_id="get_scoring", summary="A scoring as it is now")
def show(scoring_id: PathId, session: SessionDep, user: MayRead) -> ScoringShape:
    """Look again until it is done, or `error` says why not."""
    return ScoringShape.of(scorings.get(session, scoring_id))


@router.post(
    "/scorings/{scoring_id}/stop", operation_id="stop_scoring", summary="Call a scoring off", responses=problems(409)
)
def stop(scoring_id: PathId, session: SessionDep, user: MayTakeData) -> ScoringShape:
    """What it has scored stays. 409 where it has ended."""
    scorings.stop(session, scoring_id=scoring_id, actor=user)
    session.flush()
    return ScoringShape.of(scorings.get(session, scoring_id))


@router.post(
    "/scorings/{scoring_id}/again", operation_id="resume_scoring", summary="Let a scoring go on",
    responses=problems(409),
)  # fmt: skip
def again(scoring_id: PathId, session: SessionDep, user: MayTakeData) -> ScoringShape:
    """One that failed or was stopped goes on where it was; one that is done scores what is new. 409 while at work."""
    scorings.again(session, scoring_id=scoring_id, actor=user)
    session.flush()
    return ScoringShape.of(scorings.get(session, scoring_id))

"""What the API says of studies, rounds and checkpoints. The shapes are public: fields are added, never changed."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field

from app.models import Hold, RoundKind, RoundState, RunState, Sampler, Split
from app.services.checkpoint_views import CheckpointLine, CheckpointPage, PolicyScores
from app.services.evaluation_results import Result, Verdict
from app.services.measures import Share
from app.services.round_views import RoundHead
from app.services.study_views import RoundLine, StudyCard, StudyPage

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=200, description="The same key again gives what was made the first time."
    ),
]


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ShareShape(BaseModel):
    """`part` of `of`, with its Wilson interval of 95 %."""

    part: int
    of: int
    value: float | None = Field(description="Null where `of` is 0.")
    low: float
    high: float

    @classmethod
    def of_share(cls, share: Share) -> "ShareShape":
        low, high = share.interval
        return cls(part=share.part, of=share.of, value=share.value, low=low, high=high)


class RoundShape(Shape):
    """A round, with how many of its pairs have their choices."""

    id: int
    study: int
    kind: RoundKind
    number: int
    state: RoundState
    hold: Hold
    hold_reason: str | None
    groups: int
    groups_drawn: int
    pairs: int = Field(description="Pairs that the round will have.")
    pairs_closed: int
    choices: int
    policy: int | None = Field(description="Number of the checkpoint that draws; null for the base model.")
    other_policy: int | None = Field(description="In an evaluation round: what it is compared with.")
    sampler: Sampler | None = Field(description="In an evaluation round: how the pictures are drawn that it shows.")
    made: int | None = Field(description="Number of the newest checkpoint that the round made.")
    launched_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, line: RoundLine) -> "RoundShape":
        names = set(cls.model_fields) - {"study", "pairs"}
        return cls(study=line.study_id, pairs=line.pairs_planned, **{name: getattr(line, name) for name in names})


class RoundDetail(RoundShape):
    """A round with its settings, and the moves that it offers now."""

    moves: list[str]
    settings: dict[str, Any]

    @classmethod
    def of_head(cls, head: RoundHead) -> "RoundDetail":
        shape = RoundShape.of(head.line).model_dump()
        return cls(moves=sorted(head.moves), settings=head.settings.model_dump(), **shape)


class ComparisonShape(Shape):
    """What people said in an evaluation round, seen from `policy`. Policies are numbers of checkpoints."""

    round: int
    policy: int | None = Field(description="Null for the base model.")
    other_policy: int | None
    sampler: Sampler
    wins: int = Field(description="Choices for the policy's picture.")
    other_wins: int
    ties: int
    both_bad: int = Field(description="Decides nothing, as does a skip.")
    skips: int
    rate: float | None = Field(description="(wins + ties / 2) / (wins + other_wins + ties); null before any.")
    low: float = Field(description="Lower end of the rate's Wilson interval of 95 %.")
    high: float
    verdict: Verdict
    more: int | None = Field(
        description="Further choices after which the interval would exclude one half if the rate stayed as it is; null "
        "where that is not to be expected within 10,000."
    )

    @classmethod
    def of(cls, round_id: int, result: Result) -> "ComparisonShape":
        tally, (low, high) = result.tally, result.tally.rate.interval
        return cls(
            round=round_id, policy=result.policy.number or None, other_policy=result.other.number or None,
            sampler=result.sampler, rate=tally.rate.value, low=low, high=high, verdict=result.verdict,
            more=result.more, **asdict(tally),
        )  # fmt: skip


class StudyShape(Shape):
    """A study as a list shows it."""

    id: int
    name: str
    question: str
    base_model: str
    current_checkpoint: int | None = Field(description="Number of the checkpoint that the next round starts from.")
    auto_rounds: int = Field(description="Rounds that the study still launches by itself.")
    rounds: int
    checkpoints: int
    choices: int
    created_at: datetime
    archived_at: datetime | None = Field(description="Since when it is in the archive.")
    open_rounds: list[RoundShape]

    @classmethod
    def of(cls, card: StudyCard) -> "StudyShape":
        names = set(cls.model_fields) - {"current_checkpoint", "open_rounds"}
        rounds = [RoundShape.of(line) for line in card.open_rounds]
        facts = {name: getattr(card, name) for name in names}
        return cls(current_checkpoint=card.current, open_rounds=rounds, **facts)


class PromptShape(Shape):
    number: int
    text: str
    split: Split
    over_limit: bool = Field(description="The model's text encoder cuts it.")


class ModelShape(Shape):
    name: str
    source: str
    revision: str
    family: str
    prediction_type: str
    token_limit: int
    image_size: int
    files: dict[str, Any]


class StudyDetail(StudyShape):
    """A study with its model, prompts, settings and all its rounds, newest first."""

    model: ModelShape
    prompts: list[PromptShape]
    preset: str
    seed: int
    settings: dict[str, Any]
    all_rounds: list[RoundShape]

    @classmethod
    def of_page(cls, page: StudyPage) -> "StudyDetail":
        return cls(
            model=ModelShape.model_validate(page.model),
            prompts=[PromptShape.model_validate(prompt) for prompt in page.prompts],
            preset=page.preset,
            seed=page.seed,
            settings=page.settings.model_dump(),
            all_rounds=[RoundShape.of(line) for line in page.rounds],
            **StudyShape.of(page.card).model_dump(),
        )


class CheckpointShape(Shape):
    """A checkpoint as a list shows it."""

    id: int
    study: int
    number: int
    parent: int | None = Field(description="Number of the checkpoint that its round started from; null for the base.")
    round: int
    round_number: int
    run_number: int
    pairs: int
    is_current: bool
    created_at: datetime
    adapter_sha256: str

    @classmethod
    def of(cls, line: CheckpointLine) -> "CheckpointShape":
        names = set(cls.model_fields) - {"study", "parent", "round"}
        facts = {name: getattr(line, name) for name in names}
        return cls(study=line.study_id, parent=line.parent_number, round=line.round_id, **facts)


class FileShape(Shape):
    format: str
    name: str
    size: int = Field(description="In bytes.")
    sha256: str


class ScoreShape(Shape):
    """A judge's mean over a policy's evaluation pictures of one sampler, in the judge's unit."""

    judge: str
    sampler: Sampler
    mean: float
    deviation: float
    count: int


class CheckpointDetail(CheckpointShape):
    """A checkpoint with its files, its scores and everything that went into it."""

    files: list[FileShape]
    scores: list[ScoreShape]
    provenance: dict[str, Any]
    training: dict[str, Any]
    sampling: dict[str, Any]
    training_set_sha256: str

    @classmethod
    def of_page(cls, page: CheckpointPage, policies: list[PolicyScores]) -> "CheckpointDetail":
        own = next((policy.scores for policy in policies if policy.checkpoint_id == page.line.id), ())
        return cls(
            files=[FileShape.model_validate(file) for file in page.files],
            scores=[ScoreShape.model_validate(score) for score in own],
            provenance=page.provenance,
            training=page.training,
            sampling=page.sampling,
            training_set_sha256=page.set_sha256,
            **CheckpointShape.of(page.line).model_dump(),
        )


class RunShape(Shape):
    """A training run of a round."""

    id: int
    number: int
    state: RunState
    pairs: int
    steps_done: int
    checkpoint: int | None = Field(description="Number of the checkpoint that it made.")
    settings: dict[str, Any]
    summary: dict[str, Any]

"""What pages and API show of studies. Read-only; every function takes a fixed number of queries, however many rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased, defer

from app.errors import NotFound
from app.models import (
    OPEN,
    BaseModel,
    Checkpoint,
    Prompt,
    PromptSet,
    Round,
    RoundTotals,
    Sampler,
    Split,
    Study,
    TrainingRun,
)
from app.models.round import Hold, RoundKind, RoundState
from app.services import chunks
from app.study_settings import StudySettings, validated


@dataclass(frozen=True)
class RoundLine:
    """A round as one line of a list: `pairs_closed` of `pairs_planned` have their choices. `pairs_alike` are not among
    those planned: their pictures look the same, so they are left out."""

    id: int
    study_id: int
    kind: RoundKind
    number: int
    state: RoundState
    hold: Hold
    hold_reason: str | None
    groups: int
    groups_drawn: int
    pairs_closed: int
    pairs_planned: int
    pairs_alike: int
    choices: int
    policy: int | None
    other_policy: int | None
    made: int | None
    launched_at: datetime
    ended_at: datetime | None
    sampler: Sampler | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class StudyCard:
    """A study as one card of the list, with the rounds that are open now."""

    id: int
    name: str
    question: str
    base_model: str
    current: int | None
    auto_rounds: int
    rounds: int
    checkpoints: int
    choices: int
    created_at: datetime
    archived_at: datetime | None
    open_rounds: Sequence[RoundLine]


@dataclass(frozen=True)
class ModelFacts:
    """A base model in the words of its card."""

    name: str
    source: str
    revision: str
    family: str
    prediction_type: str
    token_limit: int
    image_size: int
    files: dict[str, Any]


@dataclass(frozen=True)
class PromptLine:
    number: int
    text: str
    split: Split
    over_limit: bool


@dataclass(frozen=True)
class CheckpointOption:
    """A checkpoint as something to choose: its number in the study, and the round that made it."""

    id: int
    number: int
    round_number: int
    created_at: datetime


@dataclass(frozen=True)
class StudyPage:
    """All that the study's own page shows. `next_number` is that of the preference round that is launched next."""

    card: StudyCard
    model: ModelFacts
    prompt_set: str
    prompt_set_id: int
    prompts: Sequence[PromptLine]
    settings: StudySettings
    preset: str
    seed: int
    current_id: int | None
    checkpoints: Sequence[CheckpointOption]
    rounds: Sequence[RoundLine]
    next_number: int

    @property
    def pairs_of_a_group(self) -> int:
        """How many pairs a group of a preference round gives."""
        return chunks.pairs_planned(self.settings, 1)

    @property
    def open_round(self) -> RoundLine | None:
        """The open preference round, of which there is at most one."""
        return next((line for line in self.card.open_rounds if line.kind is RoundKind.PREFERENCE), None)


def cards(session: Session, *, before: int | None = None, limit: int = 100, archived: bool = False) -> list[StudyCard]:
    """Studies that are not archived (or only those that are), newest first; `before` is the id that came last."""
    wanted = Study.archived_at.is_not(None) if archived else Study.archived_at.is_(None)
    query = _card_query().where(wanted).order_by(Study.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Study.id < before)
    return _with_open_rounds(session, session.execute(query).all())


def card(session: Session, study_id: int) -> StudyCard:
    """One study's card, archived or not. Raises `NotFound`."""
    found = _with_open_rounds(session, session.execute(_card_query().where(Study.id == study_id)).all())
    if not found:
        raise NotFound(f"There is no study {study_id}.")
    return found[0]


def page(
    session: Session, study_id: int, *, before: int | None = None, limit: int | None = None,
    choose_from: int | None = None, also: Sequence[int] = (),
) -> StudyPage:  # fmt: skip
    """The study's page with its newest rounds, at most `limit`, with an id below `before`; and to choose from, its
    newest `choose_from` checkpoints (none: all), its current one and those named in `also`. Raises `NotFound`."""
    shown = card(session, study_id)
    study, model, prompt_set = session.execute(
        select(Study, BaseModel, PromptSet)
        .join(BaseModel, BaseModel.id == Study.base_model_id)
        .join(PromptSet, PromptSet.id == Study.prompt_set_id)
        .where(Study.id == study_id)
    ).one()
    older = () if before is None else (Round.id < before,)
    return StudyPage(
        card=shown,
        model=facts(model),
        prompt_set=prompt_set.name,
        prompt_set_id=prompt_set.id,
        prompts=prompts(session, study),
        settings=validated(study.settings),
        preset=study.preset,
        seed=study.seed,
        current_id=study.current_checkpoint_id,
        checkpoints=checkpoint_options(
            session, study_id, limit=choose_from, also=[*also, *filter(None, [study.current_checkpoint_id])]
        ),
        rounds=round_lines(session, Round.study_id == study_id, *older, limit=limit),
        next_number=_next_number(session, study_id),
    )


def facts(model: BaseModel) -> ModelFacts:
    return ModelFacts(
        model.name, model.source, model.revision, model.family.value, model.prediction_type, model.token_limit,
        model.image_size, model.files,
    )  # fmt: skip


def prompts(session: Session, study: Study) -> list[PromptLine]:
    """The study's prompts in their order; the ones that the tokenizer cuts are marked."""
    over = set(study.prompts_over_limit)
    rows = session.execute(
        select(Prompt.number, Prompt.text, Prompt.split)
        .where(Prompt.prompt_set_id == study.prompt_set_id)
        .order_by(Prompt.number)
    )
    return [PromptLine(number, text, split, number in over) for number, text, split in rows]


def checkpoint_options(
    session: Session, study_id: int, *, limit: int | None = None, also: Sequence[int] = ()
) -> list[CheckpointOption]:
    """The study's checkpoints, newest first; beyond `limit` only those that are named in `also`."""
    newest = select(func.max(Checkpoint.number)).where(Checkpoint.study_id == study_id).scalar_subquery()
    wanted = [] if limit is None else [or_(Checkpoint.number > newest - limit, Checkpoint.id.in_(also))]
    rows = session.execute(
        select(Checkpoint.id, Checkpoint.number, Round.number, Checkpoint.created_at)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .join(Round, Round.id == TrainingRun.round_id)
        .where(Checkpoint.study_id == study_id, *wanted)
        .order_by(Checkpoint.number.desc())
    )
    return [CheckpointOption(*row) for row in rows]


def _next_number(session: Session, study_id: int) -> int:
    newest = select(func.max(Round.number)).where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE)
    return (session.scalar(newest) or 0) + 1


def round_lines(session: Session, *where: ColumnElement[bool], limit: int | None = None) -> list[RoundLine]:
    """Rounds as lines, newest first. One query."""
    policy, other = aliased(Checkpoint), aliased(Checkpoint)
    newest = (
        select(func.max(Checkpoint.number))
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .where(TrainingRun.round_id == Round.id)
        .correlate(Round)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Round, RoundTotals, policy.number, other.number, newest)
        .options(defer(RoundTotals.open_answered))
        .outerjoin(RoundTotals, RoundTotals.round_id == Round.id)
        .outerjoin(policy, policy.id == Round.checkpoint_id)
        .outerjoin(other, other.id == Round.other_checkpoint_id)
        .where(*where)
        .order_by(Round.id.desc())
        .limit(limit)
    )
    return [_round_line(*row) for row in rows]


def _round_line(
    row: Round, totals: RoundTotals | None, policy: int | None, other: int | None, made: int | None
) -> RoundLine:
    """The line of a round; its totals are zeros until the first sweep has written them."""
    pairs, alike = (totals.pairs, totals.pairs_alike) if totals else (0, 0)
    return RoundLine(
        id=row.id,
        study_id=row.study_id,
        kind=row.kind,
        number=row.number,
        state=row.state,
        hold=row.hold,
        hold_reason=row.hold_reason,
        groups=row.groups,
        groups_drawn=totals.groups_drawn if totals else 0,
        pairs_closed=totals.pairs_closed if totals else 0,
        pairs_planned=_pairs_in_all(row, pairs) - alike,
        pairs_alike=alike,
        choices=totals.choices if totals else 0,
        policy=policy,
        other_policy=other,
        made=made,
        launched_at=row.launched_at,
        ended_at=row.ended_at,
        sampler=row.sampler,
    )


def _pairs_in_all(row: Round, pairs: int) -> int:
    """How many pairs the round will have, of which it has `pairs`; of an import nobody knows before it is read."""
    match row.kind:
        case RoundKind.PREFERENCE:
            return chunks.pairs_planned(validated(row.settings), row.groups)
        case RoundKind.EVALUATION:
            return max(row.groups, pairs)
        case RoundKind.IMPORTED:
            return pairs


def _card_query() -> Select[Any]:
    """One row per study: its facts, its current checkpoint's number, and three counts."""
    current = aliased(Checkpoint)
    rounds = select(func.count()).where(Round.study_id == Study.id).scalar_subquery()
    made = select(func.count()).where(Checkpoint.study_id == Study.id).scalar_subquery()
    choices = (
        select(func.coalesce(func.sum(RoundTotals.choices), 0))
        .join(Round, Round.id == RoundTotals.round_id)
        .where(Round.study_id == Study.id)
        .scalar_subquery()
    )
    return (
        select(Study, BaseModel.name, current.number, rounds, made, choices)
        .join(BaseModel, BaseModel.id == Study.base_model_id)
        .outerjoin(current, current.id == Study.current_checkpoint_id)
    )


def _with_open_rounds(session: Session, rows: Sequence[Any]) -> list[StudyCard]:
    ids = [row[0].id for row in rows]
    by_study: dict[int, list[RoundLine]] = {}
    for line in round_lines(session, Round.study_id.in_(ids), Round.state.in_(OPEN)) if ids else []:
        by_study.setdefault(line.study_id, []).append(line)
    return [
        StudyCard(
            study.id, study.name, study.question, model, current, study.auto_rounds, rounds, made, int(choices),
            study.created_at, study.archived_at, tuple(by_study.get(study.id, ())),
        )
        for study, model, current, rounds, made, choices in rows
    ]  # fmt: skip

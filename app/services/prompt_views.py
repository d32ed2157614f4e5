"""What pages and API show of prompt sets. Read-only; every function takes a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Prompt, PromptSet, Split, Study
from app.services import prompt_sets

AT_ONCE = 200


@dataclass(frozen=True)
class SetLine:
    """One version of a set as a line of the list."""

    id: int
    name: str
    version: int
    sha256: str
    prompts: int
    train: int
    evaluation: int
    is_weighted: bool
    studies: int
    created_at: datetime

    @property
    def is_used(self) -> bool:
        return self.studies > 0


@dataclass(frozen=True)
class NamedSet:
    """All versions of one name, the newest first."""

    versions: Sequence[SetLine]

    @property
    def newest(self) -> SetLine:
        return self.versions[0]

    @property
    def name(self) -> str:
        return self.newest.name


@dataclass(frozen=True)
class UsedBy:
    id: int
    name: str
    is_archived: bool


@dataclass(frozen=True)
class SetPage:
    """A set's own page: `prompts` are those from place `first` on, of `line.prompts` in all."""

    line: SetLine
    versions: Sequence[SetLine]
    studies: Sequence[UsedBy]
    prompts: Sequence[Prompt]
    first: int

    @property
    def before(self) -> int | None:
        """Where the page before begins."""
        return max(self.first - AT_ONCE, 0) if self.first else None

    @property
    def after(self) -> int | None:
        """Where the next page begins."""
        following = self.first + len(self.prompts)
        return following if following < self.line.prompts else None


def every(session: Session, *, before: int | None = None, limit: int = AT_ONCE) -> list[NamedSet]:
    """The sets by name, those last changed first; `before` is the newest version's id of the set that came last."""
    newest = select(PromptSet.name, func.max(PromptSet.id).label("newest")).group_by(PromptSet.name)
    if before is not None:
        newest = newest.having(func.max(PromptSet.id) < before)
    names = newest.order_by(func.max(PromptSet.id).desc()).limit(limit).subquery()
    by_name: dict[str, list[SetLine]] = {}
    for line in _lines(session, PromptSet.name.in_(select(names.c.name))):
        by_name.setdefault(line.name, []).append(line)
    sets = [NamedSet(versions) for versions in by_name.values()]
    return sorted(sets, key=lambda one: one.newest.id, reverse=True)


def page(session: Session, prompt_set_id: int, *, first: int = 0) -> SetPage:
    """The set's page. Raises `NotFound`."""
    row = prompt_sets.get(session, prompt_set_id)
    versions = _lines(session, PromptSet.name == row.name)
    used = session.execute(
        select(Study.id, Study.name, Study.archived_at.is_not(None))
        .where(Study.prompt_set_id == prompt_set_id)
        .order_by(Study.id.desc())
        .limit(AT_ONCE)
    )
    prompts = session.scalars(
        select(Prompt)
        .where(Prompt.prompt_set_id == prompt_set_id, Prompt.number >= first)
        .order_by(Prompt.number)
        .limit(AT_ONCE)
    )
    return SetPage(
        line=next(line for line in versions if line.id == prompt_set_id),
        versions=versions,
        studies=[UsedBy(*one) for one in used],
        prompts=list(prompts),
        first=first,
    )


def _lines(session: Session, where) -> list[SetLine]:  # type: ignore[no-untyped-def]  # any condition on prompt sets
    """Versions, the newest of each name first. One query."""
    studies = select(func.count()).where(Study.prompt_set_id == PromptSet.id).correlate(PromptSet).scalar_subquery()
    rows = session.execute(
        select(
            PromptSet.id, PromptSet.name, PromptSet.version, PromptSet.sha256, func.count(Prompt.id),
            func.count().filter(or_(Prompt.split == Split.TRAIN, Prompt.split == Split.BOTH)),
            func.count().filter(or_(Prompt.split == Split.EVAL, Prompt.split == Split.BOTH)),
            func.coalesce(func.min(Prompt.weight) < func.max(Prompt.weight), False),
            studies, PromptSet.created_at,
        )
        .outerjoin(Prompt, Prompt.prompt_set_id == PromptSet.id)
        .where(where)
        .group_by(PromptSet.id)
        .order_by(PromptSet.version.desc())
    )  # fmt: skip
    return [SetLine(*row) for row in rows]

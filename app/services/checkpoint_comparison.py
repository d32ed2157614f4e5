"""Two checkpoints side by side: what they were made with, how their training went, and which of them people prefer.
Read-only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.services import checkpoint_views, evaluation_results, training_views
from app.services.checkpoint_views import CheckpointPage
from app.services.evaluation_results import Tally
from app.services.evaluation_views import Policy
from app.services.training_views import Point

NOT_SET = "–"


@dataclass(frozen=True)
class Setting:
    """One setting by its block and name, with its value in each of the two; the dash where one does not have it."""

    block: str
    name: str
    values: tuple[Any, Any]

    @property
    def differs(self) -> bool:
        return bool(self.values[0] != self.values[1])


@dataclass(frozen=True)
class Two:
    """Two checkpoints: their pages, settings and curves; and what people said in blind comparisons of the two, seen
    from the first (none: nobody compared them)."""

    pages: tuple[CheckpointPage, CheckpointPage]
    settings: Sequence[Setting]
    curves: tuple[dict[str, Sequence[Point]], dict[str, Sequence[Point]]]
    blind: Tally | None

    @property
    def same_study(self) -> bool:
        return self.pages[0].line.study_id == self.pages[1].line.study_id

    @property
    def policies(self) -> list[Policy]:
        return [Policy(page.line.id, page.line.number) for page in self.pages]


def of(session: Session, one: int, other: int) -> Two:
    """The two by their ids. Raises `NotFound`."""
    pages = (checkpoint_views.page(session, one), checkpoint_views.page(session, other))
    return Two(
        pages=pages,
        settings=list(_settings(*pages)),
        curves=(training_views.curves(session, pages[0].run_id), training_views.curves(session, pages[1].run_id)),
        blind=_blind(session, *pages),
    )


def _settings(one: CheckpointPage, other: CheckpointPage) -> Iterator[Setting]:
    """Everything that can differ, by blocks, in the order of the first."""
    for block, left, right in zip(("origin", "training", "sampling"), _blocks(one), _blocks(other), strict=True):
        for name in dict.fromkeys([*left, *right]):
            yield Setting(block, name, (_value(left, name), _value(right, name)))


def _blocks(page: CheckpointPage) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    line, record = page.line, page.provenance
    origin = {
        "study": line.study_name,
        "round": line.round_number,
        "run": line.run_number,
        "parent": "base" if line.parent_number is None else line.parent_number,
        "pairs": line.pairs,
        "held_out": page.held_out,
        "choices": page.choices,
        "base_model": page.model.name,
        "base_revision": page.model.revision or NOT_SET,
        "seed": record.get("study", {}).get("seed", NOT_SET),
        "preset": record.get("study", {}).get("preset", NOT_SET),
        "device": record.get("machine", {}).get("device", NOT_SET),
    } | {name: told for name, told in record.get("code", {}).items() if name != "d3po_sha256"}
    return origin, page.training, page.sampling


def _value(block: Mapping[str, Any], name: str) -> Any:
    found = block.get(name)
    return NOT_SET if found is None else found


def _blind(session: Session, one: CheckpointPage, other: CheckpointPage) -> Tally | None:
    if one.line.study_id != other.line.study_id:
        return None
    for found in evaluation_results.comparisons(session, one.line.study_id):
        seen = found.seen_from(one.line.number)
        if seen and seen[0].number == other.line.number:
            return seen[1]
    return None

"""How far judges say what people say, over a study or in one of its rounds: read from what the sweep has counted.

A round's figures stand in its rows (`judge_tallies`). Those of a study are added up over its rounds that were not
cancelled; correlations are put together on Fisher's scale, each round weighted by its pairs, since scores may mean
something else once the policy has moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    Group,
    Judge,
    JudgeDispute,
    JudgeTally,
    Pair,
    Prompt,
    Round,
    RoundKind,
    RoundState,
    Sample,
    SampleScore,
)
from app.services import judge_figures
from app.services.judge_figures import ANSWERS, FEWEST, MOST_CORRELATED, Bin, Correlation
from app.services.measures import Share
from app.services.pictures import Picture

MOST_BINS = 8


@dataclass(frozen=True)
class Agreement:
    """One judge beside people. `table` counts pairs by what the judge and what people hold better (`first`, `tie`,
    `second`, in the pairs' own order)."""

    judge: str
    unit: str
    larger_is_better: bool
    pairs: int
    table: judge_figures.Table
    pearson: Correlation | None
    spearman: Correlation | None

    @property
    def accuracy(self) -> Share:
        """Of the pairs that people decided, those on which the judge says the same; where it sees no difference, half a
        pair."""
        count = self.table
        right = count["first", "first"] + count["second", "second"]
        undecided = count["tie", "first"] + count["tie", "second"]
        decided = sum(pairs for (_, people), pairs in count.items() if people != "tie")
        return Share(right + undecided / 2, decided)


@dataclass(frozen=True)
class OfRound:
    """A judge beside people in one round."""

    round_id: int
    kind: RoundKind
    number: int
    agreement: Agreement


@dataclass(frozen=True)
class Disputed:
    """A pair on which judge and people disagree, with both pictures in the pair's own order and their scores."""

    pair_id: int
    round_id: int
    round_kind: RoundKind
    round_number: int
    prompt: str
    pictures: tuple[Picture, Picture]
    scores: tuple[float | None, float | None]
    p: float
    choices: int

    @property
    def people_prefer(self) -> int:
        """0 where people prefer the first picture, 1 the second. A disputed pair is never even."""
        return 0 if self.p > 0.5 else 1

    @property
    def share(self) -> float:
        """The preference for the one that people prefer."""
        return max(self.p, 1 - self.p)


def of_study(session: Session, study_id: int, *, round_id: int | None = None) -> list[Agreement]:
    """Every judge that has scored what people chose between, those of the best accuracy first. One query."""
    rows = session.execute(
        select(JudgeTally.judge, Judge.unit, Judge.larger_is_better, *_sums())
        .join(Judge, Judge.name == JudgeTally.judge)
        .join(Round, Round.id == JudgeTally.round_id)
        .where(*_where(study_id, round_id))
        .group_by(JudgeTally.judge, Judge.unit, Judge.larger_is_better)
    )
    found = [_agreement(*row) for row in rows]
    return sorted(found, key=lambda one: (-(one.accuracy.value or 0), one.judge))


def by_round(session: Session, study_id: int, judge: str, *, before: int | None = None, limit: int) -> list[OfRound]:
    """The judge in each round in which people answered something that it has scored, newest first."""
    where = [*_where(study_id, None), JudgeTally.judge == judge]
    if before is not None:
        where.append(Round.id < before)
    rows = session.execute(
        select(Round.id, Round.kind, Round.number, JudgeTally.judge, Judge.unit, Judge.larger_is_better, *_sums())
        .select_from(JudgeTally)
        .join(Judge, Judge.name == JudgeTally.judge)
        .join(Round, Round.id == JudgeTally.round_id)
        .where(*where)
        .group_by(Round.id, JudgeTally.judge, Judge.unit, Judge.larger_is_better)
        .order_by(Round.id.desc())
        .limit(limit)
    )
    return [OfRound(row[0], row[1], row[2], _agreement(*row[3:])) for row in rows]


def calibration(session: Session, study_id: int, judge: str, *, round_id: int | None = None) -> list[Bin]:
    """How often people prefer the judge's better picture by how far its scores lie apart, in a few steps of about as
    many pairs each, the smallest differences first. One query."""
    stored = session.scalars(
        select(JudgeTally.bins)
        .join(Round, Round.id == JudgeTally.round_id)
        .where(*_where(study_id, round_id), JudgeTally.judge == judge)
    )
    return judge_figures.merged(judge_figures.added(list(stored)), most=MOST_BINS)


def disputes(
    session: Session, study_id: int, judge: str, *, round_id: int | None = None, limit: int
) -> Sequence[Disputed]:
    """The pairs on which judge and people disagree most. One query."""
    first, second = aliased(Sample), aliased(Sample)
    of_first, of_second = aliased(SampleScore), aliased(SampleScore)
    where = [JudgeDispute.study_id == study_id, JudgeDispute.judge == judge, Round.state != RoundState.CANCELLED]
    if round_id is not None:
        where.append(JudgeDispute.round_id == round_id)
    rows = session.execute(
        select(
            JudgeDispute, Round.kind, Round.number, Prompt.text, first.id, first.webp_key, first.width, first.height,
            second.id, second.webp_key, second.width, second.height, of_first.value, of_second.value,
        )
        .join(Round, Round.id == JudgeDispute.round_id)
        .join(Pair, Pair.id == JudgeDispute.pair_id)
        .join(Group, Group.id == Pair.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .outerjoin(of_first, (of_first.sample_id == first.id) & (of_first.judge == judge))
        .outerjoin(of_second, (of_second.sample_id == second.id) & (of_second.judge == judge))
        .where(*where)
        .order_by(JudgeDispute.weight.desc(), JudgeDispute.pair_id)
        .limit(limit)
    )  # fmt: skip
    return [
        Disputed(
            row.pair_id, row.round_id, kind, number, prompt, (Picture(*values[:4]), Picture(*values[4:8])),
            (values[8], values[9]), row.p, row.choices,
        )
        for row, kind, number, prompt, *values in rows
    ]  # fmt: skip


def rounds(session: Session, study_id: int, *, limit: int) -> list[tuple[int, RoundKind, int]]:
    """The newest rounds whose pairs some judge has scored: id, kind and number."""
    rows = session.execute(
        select(Round.id, Round.kind, Round.number)
        .where(*_where(study_id, None)[1:], Round.id.in_(_counted(study_id)))
        .order_by(Round.id.desc())
        .limit(limit)
    )
    return [(round_id, kind, number) for round_id, kind, number in rows]


def _counted(study_id: int):  # type: ignore[no-untyped-def]  # a select of ids
    return select(JudgeTally.round_id).where(JudgeTally.study_id == study_id)


def _where(study_id: int, round_id: int | None) -> list[ColumnElement[bool]]:
    where = [JudgeTally.study_id == study_id, Round.state != RoundState.CANCELLED]
    return where if round_id is None else [*where, JudgeTally.round_id == round_id]


def _sums() -> list[ColumnElement[Any]]:
    """The columns of an `Agreement` over several rounds."""
    counts = [getattr(JudgeTally, f"{judge}_{people}") for judge in ANSWERS for people in ANSWERS]
    freedom = cast(JudgeTally.pairs - FEWEST + 1, Float)
    parts: list[ColumnElement[Any]] = [func.sum(JudgeTally.pairs), *(func.sum(count) for count in counts)]
    for measured in (JudgeTally.pearson, JudgeTally.spearman):
        place = func.atanh(func.least(func.greatest(measured, -MOST_CORRELATED), MOST_CORRELATED))
        has_interval = measured.is_not(None) & (JudgeTally.pairs >= FEWEST)
        parts += [func.sum(place * freedom).filter(has_interval), func.sum(freedom).filter(has_interval)]
    return parts


def _agreement(judge: str, unit: str, larger_is_better: bool, pairs: int, *sums: Any) -> Agreement:
    """From the columns of `_sums`."""
    keys = [(one, other) for one in ANSWERS for other in ANSWERS]
    table = {key: int(number) for key, number in zip(keys, sums[:9], strict=True)}
    pearson, spearman = _correlation(*sums[9:11], of_ranks=False), _correlation(*sums[11:13], of_ranks=True)
    return Agreement(judge, unit, larger_is_better, int(pairs), table, pearson, spearman)


def _correlation(weighted: float | None, freedom: float | None, *, of_ranks: bool) -> Correlation | None:
    """None where no round has pairs enough."""
    if weighted is None or not freedom:
        return None
    return Correlation.of(weighted / freedom, freedom, of_ranks=of_ranks)

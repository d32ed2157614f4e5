"""Counting of one round how far each judge's scores say what people said: with the round's other tallies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Judge, JudgeDispute, JudgeTally, Pair, PairState, Round, SampleScore, UserKind
from app.services import judge_figures, preferences
from app.services.judge_figures import Values

MOST_DISPUTES = 12  # of a round and judge


@dataclass(frozen=True)
class Said:
    """What people said of one pair: their preference for its first picture, and from how many choices."""

    p: float
    choices: int


def count(session: Session, round_id: int) -> None:
    """Count the round anew for every judge. One query of what people said, and one for each judge."""
    for table in (JudgeTally, JudgeDispute):
        session.execute(delete(table).where(table.round_id == round_id))
    said = _said(session, round_id)
    if not said:
        return
    study_id = session.get_one(Round, round_id).study_id
    for judge, larger_is_better in session.execute(select(Judge.name, Judge.larger_is_better)).all():
        pairs, differences = _differences(session, round_id, judge, said)
        if pairs:
            gain = differences if larger_is_better else -differences
            _store(session, round_id, study_id, judge, pairs, gain, said)
    session.flush()


def _said(session: Session, round_id: int) -> dict[int, Said]:
    """By pair, what people's choices that count say of it; pairs that they say nothing of are left out."""
    answers = (Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD)
    study_id = select(Round.study_id).where(Round.id == round_id).scalar_subquery()
    rows = session.execute(
        preferences.speaking_in(Pair.round_id == round_id, study_id, [UserKind.PERSON])
        .where(Pair.state != PairState.VOID, Choice.answer.in_(answers))
        .with_only_columns(Choice.pair_id, *(func.count().filter(Choice.answer == answer) for answer in answers))
        .group_by(Choice.pair_id)
    )
    found = {}
    for pair_id, *counts in rows:
        p = preferences.probability(
            [answer for answer, times in zip(answers, counts, strict=True) for _ in range(times)]
        )
        if p is not None:
            found[pair_id] = Said(p, sum(counts))
    return found


def _differences(session: Session, round_id: int, judge: str, said: dict[int, Said]) -> tuple[list[int], Values]:
    """The pairs that people said something of and whose pictures the judge has scored, and by how much the first one's
    score is the larger."""
    first, second = aliased(SampleScore), aliased(SampleScore)
    rows = session.execute(
        select(Pair.id, first.value - second.value)
        .join(first, (first.sample_id == Pair.first_id) & (first.judge == judge))
        .join(second, (second.sample_id == Pair.second_id) & (second.judge == judge))
        .where(Pair.round_id == round_id)
        .order_by(Pair.id)
    )
    found = [(pair_id, difference) for pair_id, difference in rows if pair_id in said]
    return [pair_id for pair_id, _ in found], np.array([difference for _, difference in found], dtype=float)


def _store(
    session: Session,
    round_id: int,
    study_id: int,
    judge: str,
    pairs: Sequence[int],
    gain: Values,
    said: dict[int, Said],
) -> None:
    p = np.array([said[pair_id].p for pair_id in pairs])
    counts = {f"{one}_{other}": number for (one, other), number in judge_figures.table(gain, p).items()}
    session.add(
        JudgeTally(
            round_id=round_id, judge=judge, study_id=study_id, pairs=len(pairs), **counts,
            pearson=judge_figures.pearson(gain, p), spearman=judge_figures.spearman(gain, p),
            bins=judge_figures.written(judge_figures.bins(gain, p)),
        )
    )  # fmt: skip
    session.add_all(
        JudgeDispute(
            round_id=round_id, judge=judge, pair_id=pairs[one.place], study_id=study_id, gain=float(gain[one.place]),
            p=float(p[one.place]), choices=said[pairs[one.place]].choices, weight=one.weight,
        )
        for one in judge_figures.disputes(gain, p, most=MOST_DISPUTES)
    )  # fmt: skip

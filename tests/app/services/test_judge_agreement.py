"""How far judges say what people say, from choices and scores as they are stored to what the page shows."""

import math
from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from app.models import Answer, Pair, Round, RoundKind, RoundState, Sampler, SampleScore, Study
from app.services import accounts, judge_agreement, judges, participations, tallies
from tests import builders

F, S, T, B, SKIP = Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD, Answer.SKIP
JUDGE = "size"
Row = tuple[float, float, Sequence[Answer]]

ROWS: list[Row] = [
    (1, 3, [F, F]),  # smaller is better: the judge holds the first better by 2
    (5, 2, [S]),
    (4, 4, [F]),
    (1, 2, [F, S]),
    (9, 1, [F, F, S]),  # they disagree, by 8 against a third
    (1, 6, [S]),  # and by 5 against all
]


def known(db: Session, name: str = JUDGE) -> None:
    judges.know(db, name=name, unit="kB", larger_is_better=False)


def score(db: Session, pair: Pair, first: float, second: float, judge: str = JUDGE) -> None:
    judges.score(db, judge=judge, values={pair.first_id: first, pair.second_id: second})


def scored_round(db: Session, rows: Sequence[Row] = ROWS, **columns: object) -> Round:
    """A round whose pairs have these two scores and these answers, each by a person of its own."""
    round_ = builders.round_(db, **columns)
    for first, second, answers in rows:
        pair = builders.pair(db, round_id=round_.id)
        score(db, pair, first, second)
        for answer in answers:
            builders.choice(db, pair_id=pair.id, answer=answer)
    return round_


def only(db: Session, study_id: int, round_id: int | None = None) -> judge_agreement.Agreement:
    tallies.catch_up(db)
    (found,) = judge_agreement.of_study(db, study_id, round_id=round_id)
    return found


def test_a_judge_is_told_beside_people(db: Session) -> None:
    known(db)
    round_ = scored_round(db)
    found = only(db, round_.study_id)
    assert (found.judge, found.unit, found.larger_is_better, found.pairs) == (JUDGE, "kB", False, 6)
    assert {key: number for key, number in found.table.items() if number} == {
        ("first", "first"): 1,
        ("second", "second"): 1,
        ("tie", "first"): 1,
        ("first", "tie"): 1,
        ("second", "first"): 1,
        ("first", "second"): 1,
    }
    assert (found.accuracy.part, found.accuracy.of) == (2.5, 5)  # the even pair tells nothing, equal scores half


def test_what_people_did_not_say_or_judges_did_not_score_is_left_out(db: Session) -> None:
    known(db)
    round_ = scored_round(db, [(1, 2, [F]), (1, 2, [B]), (1, 2, [SKIP]), (1, 2, [])])
    builders.choice(db, pair_id=builders.pair(db, round_id=round_.id).id)  # nobody scored it
    judge = accounts.judge(db, name=JUDGE)
    pair = builders.pair(db, round_id=round_.id)
    score(db, pair, 1, 2)
    builders.choice(db, pair_id=pair.id, user_id=judge.id)
    assert only(db, round_.study_id).pairs == 1


def test_who_is_left_out_is_not_heard(db: Session) -> None:
    known(db)
    round_, user = builders.round_(db), builders.user(db)
    pair = builders.pair(db, round_id=round_.id)
    score(db, pair, 1, 2)
    builders.choice(db, pair_id=pair.id, user_id=user.id, answer=F)
    assert only(db, round_.study_id).table["first", "first"] == 1
    participations.of(db, study_id=round_.study_id, user=user)
    participations.leave_out(db, study_id=round_.study_id, user_id=user.id, actor=None)
    tallies.catch_up(db)
    assert judge_agreement.of_study(db, round_.study_id) == []


def test_scores_that_come_later_are_counted_once_the_round_is_marked(db: Session) -> None:
    known(db)
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    builders.choice(db, pair_id=pair.id)
    tallies.catch_up(db)
    assert judge_agreement.of_study(db, round_.study_id) == []
    score(db, pair, 1, 2)
    tallies.mark_rounds(db, [round_.id])
    assert only(db, round_.study_id).pairs == 1


def test_a_study_is_its_rounds_put_together_but_for_cancelled_ones(db: Session) -> None:
    known(db)
    study = builders.study(db)
    one = scored_round(db, study_id=study.id, state=RoundState.COMPLETE)
    other = scored_round(db, [(1, 2, [F])] * 3 + [(2, 1, [F]), (3, 1, [S])], study_id=study.id)
    scored_round(db, study_id=study.id, state=RoundState.CANCELLED)
    scored_round(db)  # of another study
    both = only(db, study.id)
    parts = [only(db, study.id, round_.id) for round_ in (one, other)]
    assert both.pairs == 11
    assert both.table == {key: sum(part.table[key] for part in parts) for key in both.table}
    assert both.pearson is not None
    assert parts[0].pearson is not None
    assert parts[1].pearson is not None
    pooled = (3 * math.atanh(parts[0].pearson.value) + 2 * math.atanh(parts[1].pearson.value)) / 5
    assert both.pearson.value == pytest.approx(math.tanh(pooled))
    assert [line.round_id for line in judge_agreement.by_round(db, study.id, JUDGE, limit=9)] == [other.id, one.id]
    assert judge_agreement.by_round(db, study.id, JUDGE, before=other.id, limit=9)[0].agreement == parts[0]
    assert sum(one.pairs for one in judge_agreement.calibration(db, study.id, JUDGE)) == 10  # but the equal scores


def test_judges_stand_by_how_often_they_are_right(db: Session) -> None:
    known(db)
    known(db, "worse")
    round_ = scored_round(db, [(1, 2, [F])] * 4)
    for pair in db.query(Pair).filter_by(round_id=round_.id):
        score(db, pair, 2, 1, judge="worse")
    tallies.catch_up(db)
    found = judge_agreement.of_study(db, round_.study_id)
    assert [(one.judge, one.accuracy.value) for one in found] == [(JUDGE, 1.0), ("worse", 0.0)]


def test_disputed_pairs_come_with_pictures_and_scores(db: Session) -> None:
    known(db)
    round_ = scored_round(db)
    tallies.catch_up(db)
    worst, second = judge_agreement.disputes(db, round_.study_id, JUDGE, limit=12)
    assert (worst.scores, worst.people_prefer, worst.share, worst.choices) == ((1, 6), 1, 1.0, 1)
    assert (second.scores, second.people_prefer, second.choices) == ((9, 1), 0, 3)
    assert second.share == pytest.approx(2 / 3)
    pair = db.get_one(Pair, worst.pair_id)
    assert [picture.sample_id for picture in worst.pictures] == [pair.first_id, pair.second_id]
    assert len(judge_agreement.disputes(db, round_.study_id, JUDGE, limit=1)) == 1


def test_comparisons_count_like_rounds_that_are_trained_on(db: Session) -> None:
    known(db)
    study = builders.study(db)
    round_ = evaluation_round(db, study)
    (line,) = judge_agreement.by_round(db, study.id, JUDGE, limit=5)
    assert (line.kind, line.number, line.agreement.pairs) == (RoundKind.EVALUATION, round_.number, 1)


def evaluation_round(db: Session, study: Study) -> Round:
    round_ = builders.round_(db, study_id=study.id, kind=RoundKind.EVALUATION)
    prompt_id = builders.group(db, study_id=study.id, draw=0, sampler=Sampler.STUDY).id
    pair = builders.pair(db, round_id=round_.id, group_id=prompt_id)
    db.add_all(SampleScore(sample_id=one, judge=JUDGE, value=one) for one in (pair.first_id, pair.second_id))
    db.flush()
    builders.choice(db, pair_id=pair.id)
    tallies.catch_up(db)
    return round_

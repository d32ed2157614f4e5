import pytest
from sqlalchemy.orm import Session

from app.models import Answer, PairState, Purpose, Sample, SampleState, UserKind
from app.services import preferences
from app.services.canonical import sha256_of
from tests import builders

F, S, T, B, K = Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD, Answer.SKIP


@pytest.mark.parametrize(
    ("answers", "p"),
    [
        ([F], 1.0),
        ([S], 0.0),
        ([T], 0.5),
        ([F, S], 0.5),
        ([F, F, S], 2 / 3),
        ([F, T], 0.75),
        ([F, B], 1.0),  # exactly half says both are bad: still trained
        ([F, B, B], None),  # more than half does: not trained
        ([B], None),
        ([K], None),
        ([K, K, F], 1.0),  # a skip says nothing
        ([], None),
    ],
)
def test_p_is_the_share_of_first_with_ties_halved(answers: list[Answer], p: float | None) -> None:
    assert preferences.probability(answers) == p


def test_only_counted_standing_choices_of_people_count(db: Session) -> None:
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    counted = builders.choice(db, pair_id=pair.id, answer=F)
    builders.choice(db, pair_id=pair.id, answer=S, undone_at=builders.now())
    gold = builders.lease(db, pair_id=pair.id, purpose=Purpose.GOLD)
    builders.choice(db, lease_id=gold.id, answer=S)
    judge = builders.user(db, kind=UserKind.JUDGE)
    builders.choice(db, pair_id=pair.id, user_id=judge.id, answer=S)
    [preference] = preferences.of_round(db, round_)
    assert (preference.p, preference.weight, preference.choices) == (1.0, 1.0, [counted.id])


@pytest.mark.parametrize(("counted", "p"), [("people", 1.0), ("judges", 0.0), ("both", 0.5)])
def test_whether_judges_count_is_the_studys_setting(db: Session, counted: str, p: float) -> None:
    study = builders.study(db, settings=builders.settings(labeling={"counted": counted}))
    round_ = builders.round_(db, study_id=study.id)
    pair = builders.pair(db, round_id=round_.id)
    builders.choice(db, pair_id=pair.id, answer=F)
    builders.choice(db, pair_id=pair.id, user_id=builders.user(db, kind=UserKind.JUDGE).id, answer=S)
    assert preferences.of_round(db, round_)[0].p == p


def test_void_pairs_and_lost_samples_are_not_trained(db: Session) -> None:
    round_ = builders.round_(db)
    void = builders.pair(db, round_id=round_.id, state=PairState.VOID)
    lost = builders.pair(db, round_id=round_.id)
    db.get_one(Sample, lost.second_id).state = SampleState.LOST
    for pair in (void, lost):
        builders.choice(db, pair_id=pair.id)
    assert preferences.of_round(db, round_) == []


def test_groups_whose_number_ends_in_nine_are_held_out(db: Session) -> None:
    round_ = builders.round_(db)
    for number in (8, 9, 19, 20):
        group = builders.group(db, round_id=round_.id, number=number)
        builders.choice(db, pair_id=builders.pair(db, round_id=round_.id, group_id=group.id).id)
    assert [(p.group, p.held_out) for p in preferences.of_round(db, round_)] == [
        (8, False), (9, True), (19, True), (20, False),
    ]  # fmt: skip


def test_what_is_frozen_stays_whatever_is_chosen_later(db: Session) -> None:
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    builders.choice(db, pair_id=pair.id, answer=F)
    frozen = preferences.freeze(db, round_, preferences.of_round(db, round_))
    builders.choice(db, pair_id=pair.id, answer=S, late=True)
    db.refresh(frozen)
    assert [item["p"] for item in frozen.items] == [1.0]
    assert frozen.sha256 == sha256_of(frozen.items)
    again = preferences.freeze(db, round_, preferences.of_round(db, round_))
    assert (again.number, again.items[0]["p"]) == (2, 0.5)
    assert again.sha256 != frozen.sha256

import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Answer, GoldAnswer, Pair, PairState, Purpose, RoundState, Study, User, UserKind
from app.services import events, gold, participations
from app.services.gold import Known
from tests import builders

OFFERED = ["first", "second", "tie", "both_bad", "skip"]


def unseen(session: Session, study: Study, user: User, count: int = 10, seed: str = "0") -> list[Known]:
    return gold.unseen(session, study_id=study.id, user=user, offered=OFFERED, count=count, without=set(), seed=seed)


def judged(session: Session, study: Study, *answers: Answer, state: RoundState = RoundState.COMPLETE) -> Pair:
    """A closed pair of a round in this state that people answered so."""
    round_ = builders.round_(session, study_id=study.id, state=state)
    filled = sum(answer is not Answer.SKIP for answer in answers)
    pair = builders.pair(session, round_id=round_.id, state=PairState.CLOSED, filled=filled)
    for answer in answers:
        builders.choice(session, pair_id=pair.id, answer=answer)
    return pair


F, S = Answer.FIRST, Answer.SECOND


def test_what_three_people_said_unanimously_in_a_finished_round_is_known(db: Session) -> None:
    study = builders.study(db)
    pair = judged(db, study, S, S, S, Answer.SKIP)
    assert unseen(db, study, builders.user(db)) == [Known(pair.id, S)]


@pytest.mark.parametrize(
    "answers", [(F, F), (F, F, S), (F, F, Answer.SKIP, Answer.SKIP), (Answer.TIE,) * 3, (Answer.BOTH_BAD,) * 3]
)
def test_what_fewer_or_divided_people_said_is_not_and_neither_is_no_better_picture(
    db: Session, answers: tuple[Answer, ...]
) -> None:
    study = builders.study(db)
    judged(db, study, *answers)
    assert unseen(db, study, builders.user(db)) == []


@pytest.mark.parametrize("state", [RoundState.LABELING, RoundState.CANCELLED])
def test_rounds_that_are_not_finished_and_other_studies_teach_nothing(db: Session, state: RoundState) -> None:
    study, other = builders.study(db), builders.study(db)
    judged(db, study, F, F, F, state=state)
    judged(db, other, F, F, F)
    assert unseen(db, study, builders.user(db)) == []


def test_judges_and_people_who_are_left_out_make_nothing_known(db: Session) -> None:
    study = builders.study(db)
    pair = judged(db, study, F, F)
    pair.filled = 4
    judge, mallory = builders.user(db, kind=UserKind.JUDGE), builders.user(db)
    for user in (judge, mallory):
        builders.choice(db, pair_id=pair.id, user_id=user.id)
    participations.leave_out(db, study_id=study.id, user_id=mallory.id, actor=None)
    assert unseen(db, study, builders.user(db)) == []


def test_what_an_admin_set_comes_first_and_can_be_taken_back(db: Session) -> None:
    study, admin, user = builders.study(db), builders.user(db), builders.user(db)
    unanimous, chosen = judged(db, study, F, F, F), judged(db, study, F)
    gold.set_answer(db, pair_id=chosen.id, answer=Answer.BOTH_BAD, actor=admin)
    assert unseen(db, study, user) == [Known(chosen.id, Answer.BOTH_BAD), Known(unanimous.id, F)]
    gold.unset(db, pair_id=chosen.id, actor=admin)
    assert unseen(db, study, user) == [Known(unanimous.id, F)]
    assert db.get(GoldAnswer, chosen.id) is None
    told = [event.what for event in events.of_round(db, chosen.round_id)]
    assert told == ["pair.gold_unset", "pair.gold_set"]


def test_a_pair_that_someone_was_shown_is_no_gold_for_them(db: Session) -> None:
    study, user = builders.study(db), builders.user(db)
    pair = judged(db, study, F, F, F)
    builders.lease(db, pair_id=pair.id, user_id=user.id, purpose=Purpose.WARM_UP)
    assert unseen(db, study, user) == []


def test_the_same_seed_finds_the_same_and_others_find_others(db: Session) -> None:
    study, user = builders.study(db), builders.user(db)
    for _ in range(12):
        gold.set_answer(db, pair_id=judged(db, study, F).id, answer=F, actor=None)
    found = [unseen(db, study, user, 1, seed=str(seed)) for seed in range(20)]
    assert found == [unseen(db, study, user, 1, seed=str(seed)) for seed in range(20)]
    assert len({known.pair_id for [known] in found}) > 3


def test_skips_and_pairs_that_are_shown_to_nobody_cannot_be_known(db: Session) -> None:
    pair = builders.pair(db)
    with pytest.raises(BadInput, match="skip"):
        gold.set_answer(db, pair_id=pair.id, answer=Answer.SKIP, actor=None)
    pair.state = PairState.VOID
    with pytest.raises(BadInput, match="lost"):
        gold.set_answer(db, pair_id=pair.id, answer=F, actor=None)
    with pytest.raises(NotFound):
        gold.set_answer(db, pair_id=10**9, answer=F, actor=None)


def test_a_score_is_of_gold_answers_that_stand_and_say_something(db: Session) -> None:
    study, user = builders.study(db), builders.user(db)
    round_ = builders.round_(db, study_id=study.id)

    def answered(said: Answer, purpose: Purpose = Purpose.GOLD, **columns: object) -> None:
        pair = builders.pair(db, round_id=round_.id)
        lease = builders.lease(db, pair_id=pair.id, user_id=user.id, purpose=purpose, expected=F)
        builders.choice(db, lease_id=lease.id, answer=said, **columns)

    answered(F)
    answered(S)
    answered(Answer.SKIP)
    answered(F, undone_at=builders.now())
    answered(F, Purpose.WARM_UP)
    assert gold.score(db, study_id=study.id, user_id=user.id) == (1, 2)
    assert gold.score(db, study_id=builders.study(db).id, user_id=user.id) == (0, 0)

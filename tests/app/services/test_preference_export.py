from app.models import Answer, Purpose, RoundState, UserKind
from app.services import preference_export
from tests import builders
from tests.queries import counted


def answer(db, pair, given: Answer, *, purpose: Purpose = Purpose.COUNTED, kind: UserKind = UserKind.PERSON, **columns):
    user = builders.user(db, kind=kind)
    lease = builders.lease(db, pair_id=pair.id, user_id=user.id, purpose=purpose)
    return builders.choice(db, lease_id=lease.id, answer=given, **columns)


def test_a_row_holds_the_pair_the_probability_and_each_choice(db):
    pair = builders.pair(db)
    for given in (Answer.FIRST, Answer.FIRST, Answer.TIE, Answer.SECOND):
        answer(db, pair, given)
    (row,) = preference_export.rows(db, db.get_one(type(builders.round_(db)), pair.round_id).study_id)
    assert (row.pair, row.first_sample, row.second_sample) == (pair.id, pair.first_id, pair.second_id)
    assert row.p == 2.5 / 4
    assert row.votes == {"first": 2, "tie": 1, "second": 1}
    assert len(row.choices) == 4


def test_what_does_not_count_is_kept_and_has_no_say_in_p(db):
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    answer(db, pair, Answer.FIRST)
    answer(db, pair, Answer.SECOND, purpose=Purpose.GOLD)
    answer(db, pair, Answer.SECOND, kind=UserKind.JUDGE)
    answer(db, pair, Answer.SECOND, undone_at=builders.now())
    answer(db, pair, Answer.FIRST, late=True)
    (row,) = preference_export.rows(db, round_.study_id)
    assert row.p == 1
    assert [(said.by, said.purpose, said.counted) for said in row.choices] == [
        (UserKind.PERSON, Purpose.COUNTED, True),
        (UserKind.PERSON, Purpose.GOLD, False),
        (UserKind.JUDGE, Purpose.COUNTED, False),
        (UserKind.PERSON, Purpose.COUNTED, True),
    ]
    assert [said.late for said in row.choices] == [False, False, False, True]


def test_pairs_without_an_answer_are_left_out_and_both_bad_has_no_p(db):
    round_ = builders.round_(db)
    builders.pair(db, round_id=round_.id)
    bad = builders.pair(db, round_id=round_.id)
    answer(db, bad, Answer.BOTH_BAD)
    assert [(row.pair, row.p) for row in preference_export.rows(db, round_.study_id)] == [(bad.id, None)]


def test_rows_come_batch_by_batch_of_one_study_with_two_queries_each(db):
    round_ = builders.round_(db, state=RoundState.COMPLETE)
    pairs = [builders.pair(db, round_id=round_.id) for _ in range(3)]
    for pair in (*pairs, builders.pair(db)):
        answer(db, pair, Answer.FIRST)
    with counted(db.get_bind().engine) as queries:
        batch = preference_export.rows(db, round_.study_id, limit=2)
    assert [row.pair for row in batch] == [pair.id for pair in pairs[:2]]
    assert len(queries) == 2
    rest = preference_export.rows(db, round_.study_id, after=batch[-1].pair)
    assert [row.pair for row in rest] == [pairs[2].id]

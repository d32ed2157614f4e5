from app.models import Answer, Consent, Purpose, RoundState, UserKind
from app.services import participations, preference_export
from app.services.pseudonyms import pseudonym
from tests import builders
from tests.queries import counted

SECRET = "secret"


def answer(db, pair, given: Answer, *, purpose: Purpose = Purpose.COUNTED, kind: UserKind = UserKind.PERSON, **columns):
    user = columns.pop("user", None) or builders.user(db, kind=kind)
    lease = builders.lease(db, pair_id=pair.id, user_id=user.id, purpose=purpose, first_on_left=False)
    return builders.choice(db, lease_id=lease.id, answer=given, **columns)


def rows(db, study_id: int, **asked):
    return preference_export.rows(db, study_id, secret=SECRET, **asked)


def test_a_row_holds_the_pair_the_probability_and_each_choice(db):
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    for given in (Answer.FIRST, Answer.FIRST, Answer.TIE, Answer.SECOND):
        answer(db, pair, given)
    (row,) = rows(db, round_.study_id)
    assert (row.pair, row.first_sample, row.second_sample) == (pair.id, pair.first_id, pair.second_id)
    assert (row.first_number, row.second_number, row.first_policy, row.second_policy) == (0, 1, 0, 0)
    assert row.p == 2.5 / 4
    assert row.votes == {"first": 2, "tie": 1, "second": 1}
    assert len(row.choices) == 4


def test_what_does_not_count_is_kept_and_has_no_say_in_p(db):
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    answer(db, pair, Answer.FIRST)
    answer(db, pair, Answer.SECOND, purpose=Purpose.GOLD)
    answer(db, pair, Answer.SECOND, kind=UserKind.JUDGE)
    taken_back = answer(db, pair, Answer.SECOND, undone_at=builders.now())
    answer(db, pair, Answer.FIRST, late=True)
    (row,) = rows(db, round_.study_id)
    assert row.p == 1
    assert [(said.by, said.purpose, said.counted) for said in row.choices] == [
        (UserKind.PERSON, Purpose.COUNTED, True),
        (UserKind.PERSON, Purpose.GOLD, False),
        (UserKind.JUDGE, Purpose.COUNTED, False),
        (UserKind.PERSON, Purpose.COUNTED, False),
        (UserKind.PERSON, Purpose.COUNTED, True),
    ]
    assert [said.late for said in row.choices] == [False, False, False, False, True]
    assert [said.undone_at for said in row.choices] == [None, None, None, taken_back.undone_at, None]
    assert not any(said.first_on_left for said in row.choices)


def test_people_are_told_of_by_pseudonym_and_judges_by_name(db):
    round_ = builders.round_(db)
    pair = builders.pair(db, round_id=round_.id)
    person, judge = builders.user(db), builders.user(db, kind=UserKind.JUDGE, handle="jpeg")
    for user in (person, judge):
        answer(db, pair, Answer.FIRST, user=user)
    (row,) = rows(db, round_.study_id)
    assert [said.annotator for said in row.choices] == [pseudonym(SECRET, round_.study_id, person.id), "jpeg"]


def test_nothing_is_told_of_who_is_left_out_or_took_their_consent_back(db):
    round_ = builders.round_(db)
    shared, alone = (builders.pair(db, round_id=round_.id) for _ in range(2))
    stays, left_out, withdrew, agreed_again = (builders.user(db) for _ in range(4))
    for user in (stays, left_out, withdrew, agreed_again):
        answer(db, shared, Answer.FIRST, user=user)
    answer(db, alone, Answer.FIRST, user=withdrew)
    participations.of(db, study_id=round_.study_id, user=left_out).left_out_at = builders.now()
    for user, version, withdrawn in ((withdrew, "a", True), (agreed_again, "a", True), (agreed_again, "b", False)):
        db.add(
            Consent(
                study_id=round_.study_id, user_id=user.id, version=version, text="Yes?",
                withdrawn_at=builders.now() if withdrawn else None,
            )
        )  # fmt: skip
    db.flush()
    (row,) = rows(db, round_.study_id)
    assert row.pair == shared.id
    told = {pseudonym(SECRET, round_.study_id, user.id) for user in (stays, agreed_again)}
    assert {said.annotator for said in row.choices} == told
    assert row.votes == {"first": 2}


def test_pairs_without_an_answer_are_left_out_and_both_bad_has_no_p(db):
    round_ = builders.round_(db)
    builders.pair(db, round_id=round_.id)
    bad = builders.pair(db, round_id=round_.id)
    answer(db, bad, Answer.BOTH_BAD)
    assert [(row.pair, row.p) for row in rows(db, round_.study_id)] == [(bad.id, None)]


def test_rows_come_batch_by_batch_of_one_study_with_two_queries_each(db):
    round_ = builders.round_(db, state=RoundState.COMPLETE)
    pairs = [builders.pair(db, round_id=round_.id) for _ in range(3)]
    for pair in (*pairs, builders.pair(db)):
        answer(db, pair, Answer.FIRST)
    with counted(db.get_bind().engine) as queries:
        batch = rows(db, round_.study_id, limit=2)
    assert [row.pair for row in batch] == [pair.id for pair in pairs[:2]]
    assert len(queries) == 2
    rest = rows(db, round_.study_id, after=batch[-1].pair)
    assert [row.pair for row in rest] == [pairs[2].id]
    kinds = tuple({row.round_kind for row in batch})
    assert preference_export.count(db, round_.study_id, kinds=kinds) == 3

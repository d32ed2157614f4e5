import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import BadInput, Conflict, Forbidden, NotFound
from app.models import Answer, Choice, Lease, Pair, PairState, Round, RoundState, User
from app.services import choices, dealing, preferences
from tests import builders


def leased(session: Session, **labeling: object) -> tuple[Pair, Lease, User]:
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    round_ = builders.round_(session, study_id=study.id)
    pair, user = builders.pair(session, round_id=round_.id), builders.user(session)
    [dealt] = dealing.deal(session, study_id=study.id, user=user, count=1).pairs
    return pair, session.get_one(Lease, dealt.lease_id), user


def record(session: Session, pair: Pair, lease: Lease, user: User, **given: object) -> Choice:
    values = {"answer": Answer.FIRST, "key": uuid4(), "response_ms": 700} | given
    return choices.record(session, pair_id=pair.id, user=user, lease_id=lease.id, **values)  # type: ignore[arg-type]


def test_the_same_key_sent_twice_stores_one_choice(db: Session) -> None:
    pair, lease, user = leased(db)
    key = uuid4()
    first = record(db, pair, lease, user, key=key)
    assert record(db, pair, lease, user, key=key, answer=Answer.SECOND) is first
    assert db.scalar(select(func.count()).select_from(Choice).where(Choice.pair_id == pair.id)) == 1
    assert (pair.filled, pair.state) == (1, PairState.CLOSED)


def test_another_key_while_a_choice_stands_is_told_which_stands(db: Session) -> None:
    pair, lease, user = leased(db)
    first = record(db, pair, lease, user)
    with pytest.raises(Conflict) as refused:
        record(db, pair, lease, user, answer=Answer.SECOND)
    assert refused.value.details["choice"] == {
        "pair": pair.id, "choice": "first", "key": str(first.key), "late": False, "extra": False,
    }  # fmt: skip


def test_a_key_of_another_choice_is_refused(db: Session) -> None:
    pair, lease, user = leased(db)
    key = record(db, pair, lease, user).key
    other_pair, other_lease, other = leased(db)
    with pytest.raises(Conflict):
        record(db, other_pair, other_lease, other, key=key)


def test_undo_opens_the_pair_again_and_keeps_what_was_said(db: Session) -> None:
    pair, lease, user = leased(db)
    choice = record(db, pair, lease, user)
    undone = choices.undo(db, user=user, pair_id=pair.id, key=choice.key)
    assert undone.undone_at is not None
    assert (pair.filled, pair.state, pair.closed_at) == (0, PairState.OPEN, None)
    assert choices.undo(db, user=user, pair_id=pair.id, key=choice.key).undone_at == undone.undone_at
    assert pair.filled == 0
    [again] = dealing.deal(db, study_id=db.get_one(Round, pair.round_id).study_id, user=user, count=1).pairs
    assert again.lease_id == lease.id
    record(db, pair, lease, user, answer=Answer.SECOND)
    assert [c.answer for c in choices.mine(db, user=user, study_id=db.get_one(Round, pair.round_id).study_id)] == [
        Answer.SECOND
    ]


def test_a_key_that_was_undone_stays_undone_when_sent_again(db: Session) -> None:
    pair, lease, user = leased(db)
    choice = record(db, pair, lease, user)
    choices.undo(db, user=user, pair_id=pair.id, key=choice.key)
    assert record(db, pair, lease, user, key=choice.key).undone_at is not None
    assert pair.filled == 0


def test_only_its_owner_can_answer_or_undo(db: Session) -> None:
    pair, lease, user = leased(db)
    stranger = builders.user(db)
    with pytest.raises(Forbidden):
        record(db, pair, lease, stranger)
    choice = record(db, pair, lease, user)
    with pytest.raises(NotFound):
        choices.undo(db, user=stranger, pair_id=pair.id, key=choice.key)


def test_a_lease_of_another_pair_is_not_found(db: Session) -> None:
    _, lease, user = leased(db)
    with pytest.raises(NotFound):
        record(db, builders.pair(db), lease, user)


def test_an_answer_that_is_not_offered_is_refused(db: Session) -> None:
    pair, lease, user = leased(db, allow_tie=False)
    with pytest.raises(BadInput, match="tie"):
        record(db, pair, lease, user, answer=Answer.TIE)


def test_skips_fill_no_place_and_three_close_the_pair(db: Session) -> None:
    study = builders.study(db)
    pair = builders.pair(db, round_id=builders.round_(db, study_id=study.id).id)
    for skips in (1, 2, 3):
        user = builders.user(db)
        [dealt] = dealing.deal(db, study_id=study.id, user=user, count=1).pairs
        record(db, pair, db.get_one(Lease, dealt.lease_id), user, answer=Answer.SKIP)
        assert (pair.filled, pair.skipped) == (0, skips)
        assert (pair.state == PairState.CLOSED) == (skips == 3)


def test_both_bad_fills_a_place(db: Session) -> None:
    pair, lease, user = leased(db)
    record(db, pair, lease, user, answer=Answer.BOTH_BAD)
    assert pair.state == PairState.CLOSED


def test_a_choice_after_the_freezing_is_kept_and_marked_late(db: Session) -> None:
    pair, lease, user = leased(db)
    db.get_one(Round, pair.round_id).state = RoundState.TRAINING
    db.flush()
    assert record(db, pair, lease, user).late


@pytest.mark.parametrize(("sent", "kept"), [(None, None), (-5, 0), (700, 700), (10**12, choices.LONGEST_RESPONSE_MS)])
def test_response_times_are_kept_within_a_day(db: Session, sent: int | None, kept: int | None) -> None:
    pair, lease, user = leased(db)
    assert record(db, pair, lease, user, response_ms=sent).response_ms == kept


def test_the_same_key_from_two_connections_at_once_stores_one(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        pair, lease, user = leased(session)
    key, stored = uuid4(), []
    barrier = threading.Barrier(2)

    def send() -> None:
        with transaction(sessions) as session:
            barrier.wait()
            stored.append(record(session, pair, lease, user, key=key).id)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stored) == 2
    assert len(set(stored)) == 1
    with transaction(sessions) as session:
        assert session.get_one(Pair, pair.id).filled == 1


def test_a_choice_that_comes_to_a_full_pair_is_kept_marked_and_counts(db: Session) -> None:
    pair, lease, absent = leased(db)
    run_out(db, lease)
    other = builders.user(db)
    taken = lease_of(db, pair, other)
    assert not record(db, pair, taken, other).extra
    late_one = record(db, pair, lease, absent, answer=Answer.SECOND)
    assert late_one.extra
    assert not late_one.late
    assert (pair.filled, pair.state) == (2, PairState.CLOSED)
    assert [p.p for p in preferences.of_round(db, db.get_one(Round, pair.round_id))] == [0.5]


def test_undoing_the_one_or_the_other_of_two_choices_on_one_place_leaves_the_pair_closed(db: Session) -> None:
    pair, lease, absent = leased(db)
    run_out(db, lease)
    other = builders.user(db)
    first = record(db, pair, lease_of(db, pair, other), other)
    extra = record(db, pair, lease, absent)
    choices.undo(db, user=other, pair_id=pair.id, key=first.key)
    assert (pair.filled, pair.state) == (1, PairState.CLOSED)
    again = record(db, pair, db.get_one(Lease, first.lease_id), other)
    assert again.extra
    choices.undo(db, user=absent, pair_id=pair.id, key=extra.key)
    choices.undo(db, user=other, pair_id=pair.id, key=again.key)
    assert (pair.filled, pair.state) == (0, PairState.OPEN)


def test_an_undo_takes_no_place_that_someone_else_holds_by_then(db: Session) -> None:
    pair, lease, absent = leased(db)
    run_out(db, lease)
    other = builders.user(db)
    held = lease_of(db, pair, other)
    late_one = record(db, pair, lease, absent)
    choices.undo(db, user=absent, pair_id=pair.id, key=late_one.key)
    study_id = db.get_one(Round, pair.round_id).study_id
    assert dealing.deal(db, study_id=study_id, user=absent, count=1).reason == "held"
    assert not record(db, pair, held, other).extra
    assert record(db, pair, lease, absent).extra


def test_an_answer_ends_its_lease(db: Session) -> None:
    pair, lease, user = leased(db)
    record(db, pair, lease, user)
    assert db.scalar(select(Lease.expires_at <= func.now()).where(Lease.id == lease.id))


def test_a_choice_can_be_explained_and_explained_anew(db: Session) -> None:
    pair, lease, user = leased(db, reasons=["colours", "shape"], ask_comment=True)
    choice = record(db, pair, lease, user)
    explain(db, choice, user, ["shape", "colours", "shape"], " rounder ")
    assert (choice.reasons, choice.comment) == (["shape", "colours"], "rounder")
    for _ in range(2):
        explain(db, choice, user, [], "")
    assert (choice.reasons, choice.comment) == ([], "")


@pytest.mark.parametrize(
    ("reasons", "comment", "field"), [(["taste"], "", "reasons"), ([], "because", "comment")]
)  # fmt: skip
def test_what_the_study_does_not_ask_for_is_no_reason(
    db: Session, reasons: list[str], comment: str, field: str
) -> None:
    pair, lease, user = leased(db, reasons=["colours"])
    choice = record(db, pair, lease, user)
    with pytest.raises(BadInput) as refused:
        explain(db, choice, user, reasons, comment)
    assert list(refused.value.fields) == [field]


def test_a_comment_has_a_length_and_an_undone_choice_no_reason(db: Session) -> None:
    pair, lease, user = leased(db, ask_comment=True)
    choice = record(db, pair, lease, user)
    with pytest.raises(BadInput, match="reason"):
        explain(db, choice, user, [], "x" * (choices.LONGEST_COMMENT + 1))
    choices.undo(db, user=user, pair_id=pair.id, key=choice.key)
    with pytest.raises(Conflict):
        explain(db, choice, user, [], "because")
    with pytest.raises(NotFound):
        explain(db, choice, builders.user(db), [], "because")


def test_late_choices_of_many_at_once_are_all_kept_and_counted(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        pair, lease, user = leased(session)
        late = [(user, lease)]
        for _ in range(7):
            run_out(session, late[-1][1])
            other = builders.user(session)
            late.append((other, lease_of(session, pair, other)))
    made: list[bool] = []

    def send(user: User, lease: Lease) -> None:
        with transaction(sessions) as session:
            made.append(record(session, pair, lease, user).extra)

    threads = [threading.Thread(target=send, args=one) for one in late]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(made) == [False] + [True] * 7
    with transaction(sessions) as session:
        row = session.get_one(Pair, pair.id)
        assert (row.filled, row.state) == (8, PairState.CLOSED)


def lease_of(session: Session, pair: Pair, user: User) -> Lease:
    """The lease on the pair that the user is dealt."""
    study_id = session.get_one(Round, pair.round_id).study_id
    [dealt] = dealing.deal(session, study_id=study_id, user=user, count=1).pairs
    assert dealt.pair_id == pair.id
    return session.get_one(Lease, dealt.lease_id)


def run_out(session: Session, lease: Lease) -> None:
    lease.expires_at = func.now() - timedelta(seconds=1)
    session.flush()


def explain(session: Session, choice: Choice, user: User, reasons: list[str], comment: str) -> None:
    choices.explain(session, user=user, pair_id=choice.pair_id, key=choice.key, reasons=reasons, comment=comment)

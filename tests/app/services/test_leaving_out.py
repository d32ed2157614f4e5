import random
from collections import Counter

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import Answer, Choice, Pair, PairState, Purpose, Round, RoundState, RunState, Study, User
from app.services import leaving_out, participations, places, preferences, tallies
from app.services.leaving_out import Turn, turn
from tests import builders

FIRST, SECOND, TIE, BOTH_BAD, SKIP = Answer


def people(db: Session, round_: Round, count: int = 3) -> list[User]:
    found = [builders.user(db, display_name=f"Person {number}") for number in range(count)]
    for person in found:
        participations.of(db, study_id=round_.study_id, user=person)
    return found


def pair_of(db: Session, round_: Round, answers: dict[User, Answer]) -> Pair:
    """A pair with these people's answers, counted as the product counts."""
    pair = builders.pair(db, round_id=round_.id)
    for person, answer in answers.items():
        builders.choice(db, pair_id=pair.id, user_id=person.id, answer=answer)
    places.recount_one(db, round_, pair.id)
    db.refresh(pair)
    return pair


def labeled(db: Session, *, choices_per_pair: int = 3, state: RoundState = RoundState.LABELING, **columns) -> Round:
    labeling = {"choices_per_pair": choices_per_pair}
    study_id = columns.pop("study_id", None) or builders.study(db, settings=builders.settings(labeling=labeling)).id
    return builders.round_(db, study_id=study_id, state=state, **columns)


def look(db: Session, round_: Round, person: User) -> leaving_out.Preview:
    tallies.catch_up(db)
    return leaving_out.preview(db, study_id=round_.study_id, user_id=person.id)


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        (1.0, 0.0, Turn.TURNED),
        (2 / 3, 1 / 3, Turn.TURNED),
        (1.0, 0.5, Turn.TIED),
        (None, 0.5, Turn.TIED),
        (1.0, None, Turn.LOST),
        (0.5, None, Turn.LOST),
        (0.5, 1.0, Turn.GAINED),
        (None, 0.0, Turn.GAINED),
        (2 / 3, 1.0, Turn.SHIFTED),
        (1.0, 1.0, Turn.SAME),
        (None, None, Turn.SAME),
    ],
)
def test_what_becomes_of_a_preference_has_a_word(before, after, became):
    assert turn(before, after) is became


def test_each_pair_is_counted_with_them_and_without(db: Session) -> None:
    round_ = labeled(db)
    ada, grace, mary = people(db, round_)
    pair_of(db, round_, {ada: FIRST, grace: FIRST, mary: FIRST})  # the same
    pair_of(db, round_, {ada: FIRST, grace: FIRST, mary: SECOND})  # 2/3 becomes a tie
    pair_of(db, round_, {ada: FIRST, grace: SECOND})  # a tie becomes a preference
    pair_of(db, round_, {ada: FIRST})  # nothing is left
    pair_of(db, round_, {ada: SECOND, grace: FIRST, mary: FIRST})  # 2/3 becomes 1
    pair_of(db, round_, {ada: SKIP, grace: FIRST})
    pair_of(db, round_, {grace: FIRST, mary: SECOND})  # none of theirs
    found = look(db, round_, ada)
    assert found.pairs == found.choices == 6
    [change] = found.rounds
    assert change.turns == {Turn.SAME: 2, Turn.TIED: 1, Turn.GAINED: 1, Turn.LOST: 1, Turn.SHIFTED: 1}
    assert (found.opened, found.places) == (3, 5)


def test_what_is_foreseen_is_what_happens(db: Session) -> None:
    """Many pairs with answers of every kind: left out in earnest, preferences and open pairs are as was said."""
    chance = random.Random(7)
    round_ = labeled(db, choices_per_pair=2)
    everyone = people(db, round_, 4)
    for _ in range(60):
        who = chance.sample(everyone, chance.randint(1, 4))
        pair_of(db, round_, {person: chance.choice(list(Answer)) for person in who})
    other = people(db, round_, 1)[0]
    participations.leave_out(db, study_id=round_.study_id, user_id=other.id, actor=None)
    ada = everyone[0]

    def now() -> tuple[dict[int, float], set[int], int]:
        rows = list(db.scalars(select(Pair).execution_options(populate_existing=True)))
        open_ = {row.id for row in rows if row.state is PairState.OPEN}
        free = sum(2 - row.filled for row in rows if row.id in open_)
        return {item.pair: item.p for item in preferences.of_round(db, round_)}, open_, free

    found, (before, open_before, free_before) = look(db, round_, ada), now()
    participations.leave_out(db, study_id=round_.study_id, user_id=ada.id, actor=None)
    after, open_after, free_after = now()
    became = Counter(turn(before.get(pair), after.get(pair)) for pair in before.keys() | after.keys())
    for kind in set(Turn) - {Turn.SAME}:
        assert found.sum(kind) == became[kind], kind
    assert found.opened == len(open_after - open_before)
    assert found.places == free_after - free_before
    assert found.opened > 0
    assert min(found.sum(kind) for kind in (Turn.LOST, Turn.TIED, Turn.GAINED, Turn.SHIFTED)) > 0


def test_nothing_opens_in_a_round_that_asks_no_more(db: Session) -> None:
    round_ = labeled(db, state=RoundState.COMPLETE)
    ada, grace, _ = people(db, round_)
    pair_of(db, round_, {ada: FIRST, grace: SECOND})
    found = look(db, round_, ada)
    assert (found.opened, found.places, found.sum(Turn.GAINED)) == (0, 0, 1)


def test_agreement_and_known_answers_are_given_with_them_and_without(db: Session) -> None:
    round_ = labeled(db)
    ada, grace, mary = people(db, round_)
    for number in range(8):
        usual = FIRST if number % 2 else SECOND
        pair_of(db, round_, {ada: FIRST, grace: usual, mary: usual})
    for person, answers in ((ada, (SECOND, SECOND, SKIP)), (grace, (FIRST, FIRST, FIRST))):
        for answer in answers:
            pair = builders.pair(db, round_id=round_.id)
            lease = builders.lease(db, pair_id=pair.id, user_id=person.id, purpose=Purpose.GOLD, expected=FIRST)
            builders.choice(db, lease_id=lease.id, answer=answer)
    found = look(db, round_, ada)
    assert found.alpha_without.value == pytest.approx(1)
    assert found.alpha.value < 0.5
    assert (found.gold.part, found.gold.of) == (3, 5)
    assert (found.gold_without.part, found.gold_without.of) == (3, 3)


def test_what_was_trained_with_them_is_named_with_what_came_of_it(db: Session) -> None:
    round_ = labeled(db, state=RoundState.COMPLETE)
    ada, grace, _ = people(db, round_)
    theirs = [pair_of(db, round_, {ada: FIRST, grace: FIRST}) for _ in range(2)]
    choices = {pair.id: [c.id for c in pair_choices(db, pair)] for pair in theirs}
    items = [
        {"pair": pair.id, "choices": choices[pair.id], "held_out": held_out, "p": 1.0}
        for pair, held_out in zip(theirs, (False, True), strict=True)
    ]
    other = {"pair": 0, "choices": [], "held_out": False, "p": 1.0}
    frozen = builders.training_set(db, round_id=round_.id, items=[*items, other])
    run = builders.training_run(db, training_set_id=frozen.id, state=RunState.FINISHED)
    first = builders.checkpoint(db, training_run_id=run.id)
    builders.training_run(db, training_set_id=frozen.id, state=RunState.RUNNING)
    later = builders.round_(db, study_id=round_.study_id, state=RoundState.COMPLETE)
    without = builders.training_set(db, round_id=later.id, items=[other])
    second = builders.checkpoint(
        db, training_run_id=builders.training_run(db, training_set_id=without.id).id, parent_id=first.id
    )
    study = db.get_one(Study, round_.study_id)
    study.current_checkpoint_id = second.id
    db.flush()
    finished, running = look(db, round_, ada).trained
    assert (finished.choices, finished.pairs, finished.of_pairs) == (1, 1, 2)
    assert (finished.checkpoint_number, finished.later, finished.leads_to_current) == (1, 1, True)
    assert (running.state, running.checkpoint_id, running.leads_to_current) == (RunState.RUNNING, None, False)
    assert look(db, round_, people(db, round_, 1)[0]).trained == []


def pair_choices(db: Session, pair: Pair):
    return db.scalars(select(Choice).where(Choice.pair_id == pair.id)).all()


def test_someone_who_answered_nothing_changes_nothing(db: Session) -> None:
    round_ = labeled(db)
    ada = people(db, round_)[0]
    found = look(db, round_, ada)
    assert (found.rounds, found.pairs, found.trained, found.opened) == ([], 0, [], 0)


def test_who_takes_no_part_or_is_left_out_already_has_no_preview(db: Session) -> None:
    round_ = labeled(db)
    ada = people(db, round_)[0]
    with pytest.raises(NotFound):
        look(db, round_, builders.user(db))
    participations.leave_out(db, study_id=round_.study_id, user_id=ada.id, actor=None)
    with pytest.raises(Conflict):
        look(db, round_, ada)

"""What a study's prompts are said to be like, from choices made by hand."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Answer, Group, Pair, Prompt, Purpose, Round, RoundKind, Sampler, Study
from app.services import participations, prompt_figures, tallies
from tests import builders
from tests.queries import counted


def prompt_of(db: Session, pair: Pair) -> int:
    return db.scalars(select(Group.prompt_id).where(Group.id == pair.group_id)).one()


def say(db: Session, pair: Pair, *answers: Answer) -> None:
    for answer in answers:
        builders.choice(db, pair_id=pair.id, user_id=builders.user(db).id, answer=answer)


def test_answers_are_counted_by_prompt_and_agreement_over_pairs_of_answers(db: Session) -> None:
    round_ = builders.round_(db)
    pair, alone = builders.pair(db, round_id=round_.id), builders.pair(db, round_id=round_.id)
    say(db, pair, Answer.FIRST, Answer.FIRST, Answer.TIE, Answer.SKIP)
    say(db, alone, Answer.BOTH_BAD)

    tallies.catch_up(db)
    found = prompt_figures.of_study(db, db.get_one(Study, round_.study_id))

    of_pair, of_alone = found.of(prompt_of(db, pair)), found.of(prompt_of(db, alone))
    assert (of_pair.drawn, of_pair.answers, of_pair.ties, of_pair.skips) == (1, 3, 1, 1)
    assert of_pair.agreement == 1 / 3  # of three pairs of answers one is alike
    assert (of_alone.both_bad_share.value, of_alone.agreement) == (1.0, None)
    assert (found.preference_rounds, found.comparisons) == (1, 0)


def test_only_standing_counted_choices_of_people_who_are_not_left_out_count(db: Session) -> None:
    round_ = builders.round_(db)
    pair, out = builders.pair(db, round_id=round_.id), builders.user(db)
    participations.of(db, study_id=round_.study_id, user=out)
    participations.leave_out(db, study_id=round_.study_id, user_id=out.id, actor=None)
    builders.choice(db, pair_id=pair.id, user_id=out.id)
    builders.choice(db, pair_id=pair.id, user_id=builders.user(db).id, undone_at=builders.now())
    gold = builders.lease(db, pair_id=pair.id, user_id=builders.user(db).id, purpose=Purpose.GOLD)
    builders.choice(db, lease_id=gold.id)
    tallies.catch_up(db)
    assert prompt_figures.of_study(db, db.get_one(Study, round_.study_id)).of(prompt_of(db, pair)).answers == 0


def test_the_newer_policys_wins_are_those_of_comparisons(db: Session) -> None:
    study = builders.study(db)
    compared = builders.round_(db, study_id=study.id, kind=RoundKind.EVALUATION)
    prompt = db.scalars(select(Prompt).where(Prompt.prompt_set_id == study.prompt_set_id, Prompt.number == 2)).one()
    group = builders.group(db, study_id=study.id, prompt_id=prompt.id, draw=0, sampler=Sampler.STUDY)
    base, newer = builders.sample(db, group_id=group.id, number=0), builders.sample(db, group_id=group.id, number=1)
    for first, second, answer in ((base, newer, Answer.SECOND), (newer, base, Answer.SECOND)):
        pair = Pair(round_id=compared.id, group_id=group.id, first_id=first.id, second_id=second.id)
        db.add(pair)
        db.flush()
        say(db, pair, answer, Answer.TIE)

    tallies.catch_up(db)
    found = prompt_figures.of_study(db, study).of(prompt.id)

    assert (found.wins.part, found.wins.of, found.answers, found.ties) == (1, 2, 4, 2)
    low, high = found.wins.interval
    assert low < 0.5 < high


def test_figures_are_of_the_newest_rounds_and_a_fixed_number_of_queries(db: Session) -> None:
    study = builders.study(db)

    def more(rounds: int) -> None:
        for _ in range(rounds):
            round_ = builders.round_(db, study_id=study.id, state="complete", ended_at=builders.now())
            say(db, builders.pair(db, round_id=round_.id), Answer.FIRST)
        tallies.catch_up(db)

    more(2)
    with counted(db.get_bind().engine) as few:
        prompt_figures.of_study(db, study)
    more(4)
    with counted(db.get_bind().engine) as many:
        found = prompt_figures.of_study(db, study, rounds=3)
    assert len(many) == len(few)
    assert found.preference_rounds == 3
    assert sum(one.drawn for one in found.by_prompt.values()) == 3
    assert db.scalars(select(Round.id).where(Round.study_id == study.id)).all().__len__() == 6

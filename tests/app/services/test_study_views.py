import pytest

from app.errors import NotFound
from app.models import Hold, RoundKind, RoundState
from app.services import study_views
from tests import builders, scenes
from tests.queries import counted


def test_a_card_counts_rounds_checkpoints_and_choices_and_shows_what_is_open(db):
    study = builders.study(db, auto_rounds=2)
    first = scenes.checkpoint(db, study)
    round_ = scenes.labeling_round(db, study, pairs=6, closed=2, checkpoint_id=first.id)

    card = study_views.card(db, study.id)

    assert (card.rounds, card.checkpoints, card.choices, card.auto_rounds) == (2, 1, 6 + 2, 2)
    assert card.current == 1
    (open_round,) = card.open_rounds
    assert (open_round.id, open_round.state) == (round_.id, RoundState.LABELING)
    assert (open_round.pairs_closed, open_round.pairs_planned, open_round.policy) == (2, 14, 1)


def test_the_list_asks_the_same_few_queries_however_many_studies_there_are(db):
    engine = db.get_bind().engine
    scenes.labeling_round(db, builders.study(db), pairs=2, closed=1)
    with counted(engine) as few:
        study_views.cards(db)
    for _ in range(5):
        scenes.labeling_round(db, builders.study(db), pairs=2, closed=1)
    with counted(engine) as many:
        assert len(study_views.cards(db)) >= 6
    assert len(many) == len(few)


def test_the_list_leaves_archived_studies_out_and_goes_on_before_an_id(db):
    kept, older = builders.study(db), builders.study(db)
    builders.study(db, archived_at=builders.now())
    ids = [card.id for card in study_views.cards(db)]
    assert ids[:2] == [older.id, kept.id]
    assert study_views.cards(db, before=older.id, limit=1)[0].id == kept.id


def test_the_page_marks_prompts_that_the_tokenizer_cuts(db):
    study = builders.study(db, prompts_over_limit=[2])
    page = study_views.page(db, study.id)
    assert [prompt.number for prompt in page.prompts if prompt.over_limit] == [2]
    assert [prompt.number for prompt in page.prompts] == [0, 1, 2, 3]


def test_the_open_round_of_a_study_is_its_preference_round(db):
    study = builders.study(db)
    builders.round_(db, study_id=study.id, state=RoundState.COMPLETE)
    builders.round_(db, study_id=study.id, kind=RoundKind.EVALUATION)
    assert study_views.page(db, study.id).open_round is None
    held = builders.round_(db, study_id=study.id, hold=Hold.FAILED)
    assert study_views.page(db, study.id).open_round.id == held.id


def test_checkpoints_to_choose_from_come_newest_first_with_their_round(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study)
    second = scenes.checkpoint(db, study, parent=first)
    options = study_views.checkpoint_options(db, study.id)
    assert [(option.id, option.number, option.round_number) for option in options] == [
        (second.id, 2, 2),
        (first.id, 1, 1),
    ]


def test_an_unknown_study_is_not_found(db):
    with pytest.raises(NotFound):
        study_views.page(db, 10**9)

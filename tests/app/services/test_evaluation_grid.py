import pytest

from app.errors import BadInput
from app.models import Sampler
from app.services import evaluation_grid, evaluation_views
from app.services.evaluation_grid import Column, Extent, Which
from app.services.evaluation_views import Policy
from tests import builders, scenes


def many(count):
    return [Column(Policy(number or None, number), number or None) for number in range(count + 1)]


def numbers(columns):
    return [column.number for column in columns]


def test_the_base_and_all_checkpoints_in_their_order_with_their_rounds(db):
    study = builders.study(db)
    first = scenes.checkpoint(db, study, draws=2)
    second = scenes.checkpoint(db, study, parent=first, draws=2)
    columns = evaluation_grid.columns(db, study.id)
    assert [(c.policy.checkpoint_id, c.number, c.round_number) for c in columns] == [
        (None, 0, None), (first.id, 1, 1), (second.id, 2, 2),
    ]  # fmt: skip
    assert evaluation_grid.extent(db, study.id) == Extent(len(builders.PROMPTS), 2)
    assert evaluation_grid.extent(db, builders.study(db).id) == Extent(0, 0)


def test_where_there_are_many_the_newest_or_some_of_all_stand_beside_the_base():
    assert numbers(evaluation_grid.pick(many(40), Which.NEWEST)) == [0, 36, 37, 38, 39, 40]
    assert numbers(evaluation_grid.pick(many(41), Which.SPREAD)) == [0, 1, 11, 21, 31, 41]
    for which in Which:
        assert numbers(evaluation_grid.pick(many(3), which)) == [0, 1, 2, 3]


def test_columns_can_be_named():
    assert numbers(evaluation_grid.named(many(40), " 7, 3;0 7")) == [0, 3, 7]


THIRTEEN = " ".join(map(str, range(13)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("41", "no checkpoint 41"),
        ("base", "no checkpoint base"),
        (",", "0 checkpoints"),
        (THIRTEEN, "13 checkpoints"),
    ],
)
def test_what_cannot_be_shown_is_said_with_what_can(text, said):
    with pytest.raises(BadInput, match=said) as error:
        evaluation_grid.named(many(40), text)
    assert "such as 0 3 7" in error.value.remedy


def test_a_page_of_prompts_is_cut_from_the_grid(db):
    study = builders.study(db)
    scenes.checkpoint(db, study, draws=1)
    policies = [column.policy for column in evaluation_grid.columns(db, study.id)]
    rows = evaluation_views.rows(db, study.id, policies, sampler=Sampler.STUDY, draw=0, first=1, limit=2)
    assert [(row.number, row.prompt) for row in rows] == list(enumerate(builders.PROMPTS))[1:3]
    assert all(len(row.pictures) == 2 and all(row.pictures) for row in rows)

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import Answer, Event, PromptSet
from app.services import tallies
from tests import builders
from tests.queries import counted

NEW = {"name": "Animals", "text": "cat\ndog\nDog\neval: owl"}


def test_a_set_is_made_read_and_listed_and_the_next_list_is_its_next_version(admin, researcher, factory):
    made = admin.call("POST", "/prompt-sets", json=NEW)
    assert made.status_code == 201
    detail = made.json()
    assert made.headers["location"] == f"/api/v1/prompt-sets/{detail['id']}"
    assert (detail["version"], detail["prompts"], detail["train"], detail["evaluation"]) == (1, 3, 2, 3)
    assert researcher.call("GET", f"/prompt-sets/{detail['id']}").json() == detail
    assert admin.call("POST", "/prompt-sets", json=NEW).json()["id"] == detail["id"]
    second = admin.call("POST", "/prompt-sets", json=NEW | {"text": "cat\ndog"}).json()
    assert (second["version"], [line["version"] for line in second["versions"]]) == (2, [2, 1])
    (listed,) = researcher.call("GET", "/prompt-sets").json()["items"]
    assert listed["id"] == second["id"]
    with transaction(factory) as session:
        assert session.scalars(select(Event.what)).all().count("prompt_set.created") == 2


def test_weights_splits_and_shipped_lists(admin):
    table = {"name": "T", "form": "csv", "text": "prompt,weight\ncat,0.5\ndog,1"}
    assert [one["weight"] for one in admin.call("POST", "/prompt-sets", json=table).json()["items"]] == [1, 2]
    shipped = admin.call("GET", "/prompt-lists").json()
    assert {one["name"] for one in shipped} >= {"demo", "simple_animals"}
    ready = {"name": "R", "ready": "simple_animals", "splitting": "share", "held": 0.2}
    made = admin.call("POST", "/prompt-sets", json=ready).json()
    assert (made["prompts"], made["train"], made["evaluation"]) == (45, 36, 9)


def test_a_preview_stores_nothing(admin, factory):
    body = {"text": "cat\nCAT\ndog"}
    lines = admin.call("POST", "/prompt-sets/preview", json=body).json()["lines"]
    assert [(one["repeats"], one["left_out"]) for one in lines] == [(None, False), (1, True), (None, False)]
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(PromptSet)) == 0


@pytest.mark.parametrize(
    "change", [{"text": ""}, {"ready": "demo"}, {"text": None}, {"text": "[", "form": "jsonl"}, {"name": " "}]
)
def test_what_cannot_be_used_is_refused_and_makes_nothing(admin, factory, change):
    assert admin.call("POST", "/prompt-sets", json=NEW | change).status_code == 422
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(PromptSet)) == 0


def test_a_studys_prompts_with_their_figures_in_a_fixed_number_of_queries(researcher, factory, app):
    with transaction(factory) as session:
        round_ = builders.round_(session)
        pair = builders.pair(session, round_id=round_.id)
        builders.choice(session, pair_id=pair.id, answer=Answer.BOTH_BAD)
        tallies.catch_up(session)
    path = f"/api/v1/studies/{round_.study_id}/prompts"
    with counted(app.state.engine) as few:
        body = researcher.get(path).json()
    assert (body["preference_rounds"], body["comparisons"], len(body["prompts"])) == (1, 0, 4)
    first = body["prompts"][0]
    assert (first["text"], first["drawn"], first["answers"], first["both_bad"]["value"]) == ("cat face", 1, 1, 1.0)
    assert first["newer_wins"] == {"part": 0, "of": 0, "value": None, "low": 0.0, "high": 1.0}
    with transaction(factory) as session:
        for _ in range(5):
            builders.choice(session, pair_id=builders.pair(session, round_id=round_.id).id)
        tallies.catch_up(session)
    with counted(app.state.engine) as many:
        assert researcher.get(f"{path}?rounds=all").json()["prompts"][1]["answers"] > 0
    assert len(many) == len(few)


def test_a_study_is_made_on_a_set_that_exists(admin, factory):
    with transaction(factory) as session:
        prompts = builders.prompt_set(session)
    from app.paths import DEMO

    body = {"name": "E", "question": "Which?", "base_model": str(DEMO / "model"), "preset": "demo"}
    made = admin.call("POST", "/studies", json=body | {"prompt_set": prompts.id})
    assert (made.status_code, len(made.json()["prompts"])) == (201, 4)
    for wrong in ({}, {"prompt_set": 999}, {"prompt_set": prompts.id, "prompts": ["cat"]}):
        assert admin.call("POST", "/studies", json=body | wrong).status_code in (404, 422)


def test_only_admins_write(researcher, annotator):
    assert researcher.call("POST", "/prompt-sets", json=NEW).status_code == 403
    assert annotator.call("GET", "/prompt-sets").status_code == 403

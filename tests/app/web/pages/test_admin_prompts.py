"""Prompt sets on the admin's pages."""

import re

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import Answer, Prompt, PromptSet
from app.services import tallies
from tests import builders
from tests.queries import counted

LIST = {"name": "Animals", "prompts": "cat face\ndog\neval: owl", "form": "lines", "splitting": "lines"}


def stored(factory) -> list[tuple[str, str, int]]:
    with transaction(factory) as session:
        newest = session.scalar(select(func.max(PromptSet.id)))
        rows = session.scalars(select(Prompt).where(Prompt.prompt_set_id == newest).order_by(Prompt.number))
        return [(row.text, row.split.value, row.weight) for row in rows]


def sets(factory) -> int:
    with transaction(factory) as session:
        return session.scalar(select(func.count()).select_from(PromptSet)) or 0


def test_a_pasted_list_becomes_a_set_with_a_page_of_its_own(admin, factory):
    saved = admin.submit("/admin/prompts", **LIST)
    assert saved.status_code == 303
    assert stored(factory) == [("cat face", "both", 1), ("dog", "both", 1), ("owl", "eval", 1)]
    page = admin.get(saved.headers["location"]).text
    assert "Animals" in page
    assert "evaluation only" in page
    assert 'href="/admin/prompts/' in admin.get("/admin/prompts").text


def test_a_preview_shows_what_would_be_saved_and_saves_nothing(admin, factory):
    with transaction(factory) as session:
        builders.base_model(session)
    wanted = LIST | {"prompts": "cat face\nCat  FACE\nowl\nfox", "splitting": "share", "held": "50"}
    shown = admin.submit("/admin/prompts", **wanted, preview="true")
    assert shown.status_code == 200
    assert "left out: as line 1" in shown.text
    assert "training only" in shown.text
    assert "evaluation only" in shown.text
    assert ">cat face\nCat  FACE\nowl\nfox</textarea>" in shown.text
    assert sets(factory) == 0
    admin.submit("/admin/prompts", **wanted)
    assert sorted(split for _, split, _ in stored(factory)) in (["eval", "eval", "train"], ["eval", "train", "train"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "prompt,split,weight\ncat,train,0.5\ndog,,1\n"),
        ("list.jsonl", '{"prompt": "cat", "split": "train", "weight": 1}\n{"text": "dog", "weight": 2}\n'),
    ],
)
def test_an_uploaded_table_keeps_splits_and_weights_and_stays_in_the_form_at_a_preview(admin, factory, name, content):
    fields = {"csrf_token": admin.csrf_token(), **LIST, "prompts": ""}
    shown = admin.post(
        "/admin/prompts", data=fields | {"preview": "true"}, files={"prompt_file": (name, content.encode())}
    )
    assert "× 2" in shown.text
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown.text, re.DOTALL)
    assert text
    assert "weight" in text.group(1)
    admin.post("/admin/prompts", data=fields, files={"prompt_file": (name, content.encode())})
    assert stored(factory) == [("cat", "train", 1), ("dog", "both", 2)]


def test_what_cannot_be_used_is_said_with_its_line_and_the_input_stays(admin, factory):
    refused = admin.submit("/admin/prompts", **LIST | {"prompts": "prompt,weight\ncat,heavy", "form": "csv"})
    assert refused.status_code == 422
    assert "Line 2 has the weight" in refused.text
    assert "cat,heavy</textarea>" in refused.text
    assert admin.submit("/admin/prompts", **LIST | {"name": ""}).status_code == 422
    assert admin.submit("/admin/prompts", **LIST | {"form": "xml"}).status_code == 422
    assert admin.submit("/admin/prompts", **LIST | {"splitting": "share", "held": "many"}).status_code == 422
    assert sets(factory) == 0


def test_a_ready_made_list_fills_the_form(admin):
    page = admin.get("/admin/prompts/new?ready=simple_animals").text
    assert "hedgehog" in page
    assert 'value="Simple animals"' in page
    assert admin.get("/admin/prompts/new?ready=plants").status_code == 404


def test_an_edit_makes_the_next_version_and_a_study_stays_with_its_own(admin, factory):
    first = admin.submit("/admin/prompts", **LIST).headers["location"]
    with transaction(factory) as session:
        old = session.scalars(select(PromptSet)).one()
        study = builders.study(session, prompt_set_id=old.id)
    form = admin.get(f"/admin/prompts/new?version_of={old.id}").text
    assert "eval: owl" in form
    second = admin.submit("/admin/prompts", **LIST | {"prompts": LIST["prompts"] + "\nfox"}).headers["location"]
    assert second != first
    page = admin.get(second).text
    assert "Version 2" in page
    assert f'href="{first}"' in page
    assert study.name in admin.get(first).text
    assert "fox" not in admin.get(first).text


def test_the_sets_page_tells_how_its_prompts_fare_in_a_study(admin, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session)
        pair = builders.pair(session, round_id=round_.id)
        for answer in (Answer.FIRST, Answer.TIE):
            builders.choice(session, pair_id=pair.id, user_id=builders.user(session).id, answer=answer)
        tallies.catch_up(session)
        study = builders.study(session)  # another that uses another set
        mine = session.get_one(type(study), round_.study_id)
    page = admin.get(f"/admin/prompts/{mine.prompt_set_id}?study={mine.id}").text
    row = re.search(r'<th class="set-prompt" scope="row">cat face.*?</tr>', page, re.DOTALL)
    assert row
    cells = [
        re.sub(r"<.*", "", cell, flags=re.DOTALL).strip()
        for cell in re.findall(r'<td class="number">(.*?)</td>', row.group(0), re.DOTALL)
    ]
    assert cells == ["1", "2", "0%", "–", "50%", "0%"]
    assert "No study uses this version yet" not in page


def test_a_long_set_goes_on_page_by_page_and_asks_no_more_queries(admin, factory, app):
    with transaction(factory) as session:
        long = builders.prompt_set(session, prompts=[f"animal {number}" for number in range(450)])
        short = builders.prompt_set(session)
    with counted(app.state.engine) as few:
        admin.get(f"/admin/prompts/{short.id}")
    with counted(app.state.engine) as many:
        first = admin.get(f"/admin/prompts/{long.id}").text
    assert len(many) == len(few)
    assert "animal 199" in first
    assert "animal 200" not in first
    assert "?first=200" in first
    places = re.findall(r'<td class="number soft">(\d+)</td>', first)
    assert (places[0], places[-1]) == ("1", "200"), "people count from 1, as in the preview"
    assert "animal 449" in admin.get(f"/admin/prompts/{long.id}?first=400").text


def test_a_study_is_made_on_a_set_that_exists(admin, factory):
    with transaction(factory) as session:
        model, prompts = builders.base_model(session), builders.prompt_set(session)
    form = {"name": "Emoji", "question": "Which?", "model": str(model.id), "preset": "demo"}
    made = admin.submit("/admin/studies", **form, prompt_set=str(prompts.id), prompts="")
    assert made.status_code == 303
    assert sets(factory) == 1


def test_only_who_runs_studies_sees_them(researcher, annotator, anonymous):
    assert researcher.get("/admin/prompts").status_code == 403
    assert annotator.submit("/admin/prompts", **LIST).status_code == 403
    assert anonymous.get("/admin/prompts/new").status_code in (303, 401)

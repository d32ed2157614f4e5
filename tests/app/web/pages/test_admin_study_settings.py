"""What may change on a study that exists, and the archive."""

import re

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Event, Study
from tests import builders


@pytest.fixture
def study(factory):
    with transaction(factory) as session:
        return builders.study(session, settings=builders.settings(training={"clip": None}))


def path(study, more=""):
    return f"/admin/studies/{study.id}{more}"


def now(factory, study):
    with transaction(factory) as session:
        return session.get_one(Study, study.id)


def typed(page):
    """What a browser would send back: fields that are fixed are left out."""
    inputs = re.findall(
        r'<input class="field__input setting__input"[^>]* name="([\w.]+)" value="([^"]*)"([^>]*)>', page
    )
    selects = re.findall(
        r'<select class="field__input setting__input"[^>]* name="([\w.]+)"([^>]*)>.*?value="([^"]*)" selected',
        page,
        re.DOTALL,
    )
    return {name: value for name, value, rest in inputs if "disabled" not in rest} | {
        name: value for name, rest, value in selects if "disabled" not in rest
    }


def test_saving_the_form_as_it_is_changes_nothing(admin, study, factory):
    fields = typed(admin.get(path(study, "/settings")).text)
    assert fields["training.clip"] == "none"
    saved = admin.submit(path(study, "/settings"), name=study.name, question=study.question, **fields)
    assert saved.headers["location"] == path(study, "/settings?saved=true")
    assert now(factory, study).settings == study.settings
    with transaction(factory) as session:
        assert "study.changed" not in session.scalars(select(Event.what)).all()


def test_what_is_changed_holds_for_later_rounds(admin, study, factory):
    admin.submit(path(study, "/settings"), name="Owls", question="Which owl?", **{"sampling.groups": "12"})
    changed = now(factory, study)
    assert (changed.name, changed.question, changed.settings["sampling"]["groups"]) == ("Owls", "Which owl?", 12)


def test_faults_stand_beside_their_fields_and_nothing_is_changed(admin, study, factory):
    refused = admin.submit(path(study, "/settings"), name="", question="Which?", **{"training.rank": "0"})
    assert refused.status_code == 422
    refused = admin.submit(path(study, "/settings"), name="Owls", question="Which?", **{"training.rank": "0"})
    assert refused.status_code == 422
    assert re.search(r'id="error-training-rank">Input should be greater', refused.text)
    assert 'value="Owls"' in refused.text
    assert now(factory, study).name == study.name


def test_what_evaluation_pictures_look_by_is_shown_and_cannot_be_typed_over(admin, study, factory):
    with transaction(factory) as session:
        group = builders.group(session, study_id=study.id, draw=0, sampler="study")
        builders.sample(session, group_id=group.id)
    page = admin.get(path(study, "/settings")).text
    assert re.search(r'name="sampling.steps"[^>]* disabled', page)
    assert not re.search(r'name="sampling.groups"[^>]* disabled', page)
    assert "sampling.steps" not in typed(page)
    refused = admin.submit(path(study, "/settings"), name="A", question="B", **{"sampling.steps": "3"})
    assert (refused.status_code, "Fixed, since" in refused.text) == (422, True)
    assert now(factory, study).settings["sampling"]["steps"] == 20


def test_the_form_is_checked_while_it_is_filled(admin, study):
    shown = admin.submit(path(study, "/settings/check"), **{"sampling.groups": "3", "training.clip": "none"}).text
    assert re.search(r"Pictures drawn</dt><dd>6<", shown)
    wrong = admin.submit(path(study, "/settings/check"), **{"sampling.groups": "none"}).text
    assert re.search(r'hx-target="#error-sampling-groups"[^>]*>Input should be', wrong)


def test_an_archived_study_is_listed_apart_until_it_is_taken_out(admin, study, factory):
    assert admin.submit(path(study, "/archive")).status_code == 303
    assert study.name not in admin.get("/admin").text
    assert study.name in admin.get("/admin?archived=true").text
    assert "This study is archived" in admin.get(path(study)).text
    admin.submit(path(study, "/unarchive"))
    assert study.name in admin.get("/admin").text


def test_a_study_with_an_open_round_is_not_archived(admin, study, factory):
    with transaction(factory) as session:
        builders.round_(session, study_id=study.id)
    refused = admin.submit(path(study, "/archive"))
    assert (refused.status_code, "A round of this study is open" in refused.text) == (409, True)
    assert now(factory, study).archived_at is None


def test_other_roles_change_nothing(researcher, study, factory):
    for more in ("/settings", "/settings/check", "/archive", "/unarchive"):
        assert researcher.submit(path(study, more), name="X", question="Y").status_code == 403
    assert researcher.get(path(study, "/file")).status_code == 403
    assert now(factory, study).name == study.name

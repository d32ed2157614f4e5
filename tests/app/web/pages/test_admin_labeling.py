"""The labeling settings of a study, changed while it runs."""

import re
from html import unescape

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Event, GuidePicture, Round, Study
from app.services import guide_pictures
from tests import builders
from tests.files import png


@pytest.fixture
def study(factory):
    with transaction(factory) as session:
        return builders.study(session, settings=builders.settings(labeling={"consent": "Old words", "warm_up": 2}))


def path(study):
    return f"/admin/studies/{study.id}/labeling"


def typed(admin, study):
    """The form's fields as a browser would send them back."""
    page = admin.get(path(study)).text
    inputs = dict(re.findall(r'<input class="field__input setting__input"[^>]* name="([\w.]+)" value="([^"]*)"', page))
    areas = dict(re.findall(r'<textarea class="field__input setting__input"[^>]* name="([\w.]+)"[^>]*>([^<]*)<', page))
    selects = dict(re.findall(r'<select[^>]* name="([\w.]+)".*?<option value="([^"]*)" selected', page, re.DOTALL))
    return {name: unescape(value) for name, value in {**inputs, **areas, **selects}.items()}


def labeling(factory, study):
    with transaction(factory) as session:
        return session.get_one(Study, study.id).settings["labeling"]


def test_the_form_holds_the_values_in_force_and_saving_it_as_it_is_changes_nothing(admin, study, factory):
    fields = typed(admin, study)
    assert (fields["labeling.consent"], fields["labeling.warm_up"], fields["labeling.allow_tie"]) == (
        "Old words", "2", "yes",
    )  # fmt: skip
    before = labeling(factory, study)
    assert admin.submit(path(study), **fields).headers["location"] == f"{path(study)}?saved=true"
    assert labeling(factory, study) == before
    with transaction(factory) as session:
        assert "study.labeling_changed" not in session.scalars(select(Event.what)).all()


def test_what_is_typed_is_saved_for_the_study_and_its_open_rounds_as_one_event(admin, study, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session, study_id=study.id)
    new = {
        "labeling.guidelines": "One\r\n\r\nTwo",
        "labeling.reasons": "sharp, true to the words",
        "labeling.warm_up": "0",
    }
    saved = admin.submit(path(study), **typed(admin, study) | new)
    assert saved.status_code == 303
    assert "Saved" in admin.get(saved.headers["location"]).text
    with transaction(factory) as session:
        settings = [session.get_one(Study, study.id).settings, session.get_one(Round, round_.id).settings]
        changed = session.scalars(select(Event.details).where(Event.what == "study.labeling_changed")).one()["changed"]
    for block in (values["labeling"] for values in settings):
        assert (block["guidelines"], block["reasons"], block["warm_up"]) == (
            "One\n\nTwo", ["sharp", "true to the words"], 0,
        )  # fmt: skip
    assert sorted(changed) == ["guidelines", "reasons", "warm_up"]


def test_a_text_can_be_emptied(admin, study, factory):
    admin.submit(path(study), **typed(admin, study) | {"labeling.consent": ""})
    assert labeling(factory, study)["consent"] == ""


def test_a_value_out_of_bounds_is_said_beside_its_field_and_nothing_is_changed(admin, study, factory):
    before = labeling(factory, study)
    answer = admin.submit(path(study), **typed(admin, study) | {"labeling.warm_up": "77", "labeling.consent": "New"})
    assert answer.status_code == 422
    assert "less than or equal to 50" in answer.text
    assert ">New</textarea>" in answer.text
    assert labeling(factory, study) == before


def test_a_preview_shows_the_texts_and_saves_nothing(admin, study, factory):
    answer = admin.submit(path(study), **{"labeling.guidelines": "Look **well**", "preview": "true"})
    assert "<strong>well</strong>" in answer.text
    assert ">Look **well**</textarea>" in answer.text
    assert labeling(factory, study)["guidelines"] == ""


def test_an_uploaded_picture_is_shown_with_the_line_to_paste_and_the_text_stays(admin, study, factory):
    fields = {"csrf_token": admin.csrf_token(), "labeling.guidelines": "Half a sen", "upload": "true"}
    answer = admin.post(path(study), data=fields, files={"picture": ("a.png", png(20, 10), "image/png")})
    with transaction(factory) as session:
        picture = session.scalars(select(GuidePicture)).one()
    assert f"![what it shows](picture:{picture.id})" in answer.text
    assert ">Half a sen</textarea>" in answer.text
    shown = admin.get(f"/annotate/{study.id}/guide/{picture.id}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")


@pytest.mark.parametrize(
    ("files", "said"),
    [({"picture": ("a.png", b"no picture", "image/png")}, "is no PNG"), ({}, "choose a file first")],
)
def test_what_is_no_picture_is_said_beside_the_field(admin, study, files, said):
    answer = admin.post(path(study), data={"csrf_token": admin.csrf_token(), "upload": "true"}, files=files)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_picture_is_removed_and_what_was_typed_stays(admin, study, factory, artifacts):
    with transaction(factory) as session:
        picture = guide_pictures.add(session, artifacts, study=study, data=png(8, 8), actor=None).id
    assert f"Remove picture {picture}" in admin.get(path(study)).text
    answer = admin.submit(path(study), **{"labeling.guidelines": "Half a sen", "remove": str(picture)})
    assert answer.status_code == 200
    assert ">Half a sen</textarea>" in answer.text
    assert f"Remove picture {picture}" not in answer.text
    with transaction(factory) as session:
        assert session.scalars(select(GuidePicture)).all() == []
    assert admin.submit(path(study), remove=str(picture)).status_code == 404


def test_a_picture_that_a_text_shows_is_kept_and_the_page_says_what_to_do(admin, study, factory, artifacts):
    with transaction(factory) as session:
        picture = guide_pictures.add(session, artifacts, study=study, data=png(8, 8), actor=None).id
    admin.submit(path(study), **typed(admin, study) | {"labeling.guidelines": f"![x](picture:{picture})"})
    answer = admin.submit(path(study), **{"labeling.guidelines": "", "remove": str(picture)})
    assert answer.status_code == 409
    assert f"Picture {picture} is shown in the guidelines. Save the text without it first." in answer.text
    with transaction(factory) as session:
        assert session.scalars(select(GuidePicture.id)).all() == [picture]


def test_a_picture_that_is_not_there_is_refused(admin, study):
    answer = admin.submit(path(study), **{"labeling.guidelines": "![x](picture:404)"})
    assert answer.status_code == 422
    assert "there is no picture picture:404" in answer.text


def test_only_admins_change_it(researcher, annotator, study):
    for client in (researcher, annotator):
        assert client.get(path(study)).status_code == 403
        assert client.submit(path(study)).status_code == 403


def test_an_unknown_study_is_said(admin):
    assert admin.get("/admin/studies/404/labeling").status_code == 404


def test_the_studys_page_leads_there(admin, study):
    assert f'href="{path(study)}"' in admin.get(f"/admin/studies/{study.id}").text


def test_the_api_changes_single_fields(admin, annotator, study, factory):
    answer = admin.call("PATCH", f"/studies/{study.id}/labeling", json={"warm_up": 5, "allow_tie": False})
    assert answer.status_code == 200
    assert answer.json()["settings"]["labeling"]["warm_up"] == 5
    assert labeling(factory, study)["consent"] == "Old words"
    assert annotator.call("PATCH", f"/studies/{study.id}/labeling", json={}).status_code == 403


def test_the_api_names_what_cannot_be_used(admin, study):
    answer = admin.call("PATCH", f"/studies/{study.id}/labeling", json={"warm_up": -1, "nonsense": 1})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"labeling.warm_up", "labeling.nonsense"}

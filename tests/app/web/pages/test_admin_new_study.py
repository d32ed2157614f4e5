import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import BaseModel, Prompt, PromptSet, Study
from app.paths import DEMO
from app.study_settings import load_preset

FORM = {
    "name": "Emoji",
    "question": "Which is better?",
    "model": "other",
    "source": str(DEMO / "model"),
    "prompts": "cat face\ntrain: 3d dog\neval: owl",
    "preset": "demo",
}


def made(factory) -> Study | None:
    with transaction(factory) as session:
        return session.scalars(select(Study)).one_or_none()


def test_the_form_makes_a_study_on_ones_own_folder_and_prompts(admin, factory):
    answer = admin.submit("/admin/studies", **FORM, seed="7")
    study = made(factory)
    assert study is not None
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/studies/{study.id}")
    assert (study.name, study.preset, study.seed, study.created_by_id) == ("Emoji", "demo", 7, admin.user.id)
    with transaction(factory) as session:
        assert session.get_one(BaseModel, study.base_model_id).source == str(DEMO / "model")
        splits = session.execute(select(Prompt.text, Prompt.split).order_by(Prompt.number)).all()
    assert [(text, split.value) for text, split in splits] == [
        ("cat face", "both"),
        ("3d dog", "train"),
        ("owl", "eval"),
    ]


def test_only_what_differs_from_the_preset_is_stored_over_it(admin, factory):
    admin.submit("/admin/studies", **FORM, **{"training.learning_rate": "0.002", "sampling.steps": ""})
    study = made(factory)
    assert study is not None
    preset = load_preset("demo")[0].model_dump()
    preset["training"]["learning_rate"] = 0.002
    assert study.settings == preset


def test_a_chosen_model_needs_no_folder(admin, factory):
    admin.submit("/admin/studies", **FORM)
    with transaction(factory) as session:
        model = session.scalars(select(BaseModel)).one()
    assert f'<option value="{model.id}"' in admin.get("/admin/studies/new").text
    admin.submit("/admin/studies", **{**FORM, "name": "Second", "model": str(model.id), "source": ""})
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 2
        assert session.scalar(select(func.count()).select_from(BaseModel)) == 1


def test_a_prompt_file_is_taken_instead_of_the_lines(admin, factory):
    data = {"csrf_token": admin.csrf_token(), **FORM}
    admin.post(
        "/admin/studies", data=data, files={"prompt_file": ("p.txt", "\ufeffred fish\n# no\nblue fish".encode())}
    )
    with transaction(factory) as session:
        assert session.scalars(select(Prompt.text).order_by(Prompt.number)).all() == ["red fish", "blue fish"]


def test_every_fault_stands_beside_its_field_the_input_is_kept_and_nothing_is_made(admin, factory):
    wrong = {**FORM, "question": "", "source": "/no/such folder", "prompts": "eval: only one", "training.clip": "2"}
    refused = admin.submit("/admin/studies", **wrong, seed="seven")
    assert refused.status_code == 422
    for words in (
        "This is needed",
        "There is no folder /no/such folder",
        "No prompt is in the split",
        "not a whole number",
    ):
        assert words in refused.text
    assert 'value="/no/such folder"' in refused.text
    assert ">eval: only one</textarea>" in refused.text
    assert 'value="2"' in refused.text
    assert made(factory) is None
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(PromptSet)) == 0
        assert session.scalar(select(func.count()).select_from(BaseModel)) == 0


def test_a_setting_out_of_bounds_opens_its_block_and_says_why(admin, factory):
    refused = admin.submit("/admin/studies", **FORM, **{"training.learning_rate": "5"})
    assert refused.status_code == 422
    assert "less than or equal to 1" in refused.text
    assert '<details class="settings-block" open>' in refused.text
    assert made(factory) is None
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(BaseModel)) == 0, "nothing half-made stays behind"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("p.txt", b"\xff\xfe\x00", "is no UTF-8 text"), ("p.txt", b"a" * (4 << 20 | 1), "is larger than 4 MB")],
)
def test_a_file_that_is_no_prompt_list_is_refused_beside_the_field(admin, name, content, words):
    data = {"csrf_token": admin.csrf_token(), **FORM}
    refused = admin.post("/admin/studies", data=data, files={"prompt_file": (name, content)})
    assert refused.status_code == 422
    assert words in refused.text


def test_the_demo_fills_the_form(admin):
    page = admin.get("/admin/studies/new?from=demo").text
    assert str(DEMO / "model") in page
    assert "cat face" in page


def test_another_preset_shows_its_own_values_with_and_without_scripts(admin, factory):
    alone = admin.get("/admin/studies/new?preset=paper&training.rank=8", headers={"HX-Request": "true"})
    assert alone.text.lstrip().startswith("<fieldset")
    assert alone.headers["vary"] == "HX-Request"
    assert 'placeholder="80"' in alone.text
    assert 'name="training.rank" value="8"' in alone.text
    whole = admin.submit("/admin/studies", **{**FORM, "preset": "paper"}, only_show="true")
    assert (whole.status_code, 'placeholder="80"' in whole.text) == (200, True)
    assert 'value="Emoji"' in whole.text
    assert made(factory) is None


def test_an_unknown_preset_is_refused(admin, factory):
    assert admin.submit("/admin/studies", **{**FORM, "preset": "best"}).status_code == 422
    assert made(factory) is None


def test_another_role_cannot_make_one(researcher, factory):
    assert researcher.submit("/admin/studies", **FORM).status_code == 403
    assert made(factory) is None

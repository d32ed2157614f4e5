import re

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import BaseModel, Prompt, PromptSet, Study
from app.paths import DEMO
from app.study_settings import load_preset
from tests import builders

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


def test_a_setting_out_of_bounds_unfolds_where_it_stands_and_says_why(admin, factory):
    refused = admin.submit("/admin/studies", **FORM, **{"training.weight_decay": "5"})
    assert refused.status_code == 422
    assert "less than or equal to 1" in refused.text
    assert refused.text.count('<details class="settings-block settings-more" open>') == 1
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


def fill(**fields):
    return {**FORM, "prompts": "cat\ndog\neval: owl", **fields}


def test_a_form_that_is_being_filled_is_told_its_faults_and_what_a_round_takes(admin, factory):
    fine = admin.submit("/admin/studies/check", **fill(**{"sampling.groups": "7", "labeling.choices_per_pair": "3"}))
    assert fine.status_code == 200
    assert re.search(r"Choices asked of people</dt><dd>21<", fine.text)
    assert re.search(r"Evaluation pictures</dt><dd>24<", fine.text)  # three prompts, four draws, two samplers
    assert "not measured yet" in fine.text
    assert re.search(r'hx-target="#error-training-rank"[^>]*></hx-partial>', fine.text)

    wrong = admin.submit("/admin/studies/check", **fill(**{"training.rank": "0", "seed": "x", "prompts": "eval:"}))
    assert re.search(r'hx-target="#error-training-rank"[^>]*>Input should be greater', wrong.text)
    assert "3 fields cannot be used as they are" in wrong.text
    assert "Line 1 holds no usable prompt" in wrong.text
    assert made(factory) is None


def test_the_estimate_knows_the_chosen_model_and_prompt_set(admin, factory):
    with transaction(factory) as session:
        model, prompts = builders.base_model(session, image_size=512), builders.prompt_set(session)
    chosen = {"model": str(model.id), "prompt_set": str(prompts.id), "preset": "paper"}
    shown = admin.submit("/admin/studies/check", **fill(**chosen, **{"sampling.groups": "10"})).text
    assert "13.1 MB" in shown  # 20 trajectories of 20 steps of 4 × 64 × 64 in two bytes
    assert re.search(r"Evaluation pictures</dt><dd>32<", shown)


def test_only_who_runs_studies_may_ask(researcher):
    assert researcher.submit("/admin/studies/check", **FORM).status_code == 403


def test_a_study_like_another_is_filled_in_with_all_that_differs(admin, factory):
    admin.submit("/admin/studies", **FORM, **{"training.learning_rate": "0.002", "labeling.guidelines": "Look."})
    study = made(factory)
    assert study is not None
    page = admin.get(f"/admin/studies/new?like={study.id}").text
    assert 'value="Emoji (copy)"' in page
    assert f'<option value="{study.prompt_set_id}" selected>' in page
    assert 'name="training.learning_rate" value="0.002"' in page
    assert ">Look.</textarea>" in page
    assert admin.get("/admin/studies/new?like=999").status_code == 404


def test_a_downloaded_study_fills_the_form_that_makes_it_again(admin, factory):
    admin.submit("/admin/studies", **FORM, **{"training.clip": "none", "sampling.groups": "9"}, seed="4")
    study = made(factory)
    assert study is not None
    file = admin.get(f"/admin/studies/{study.id}/file")
    assert file.headers["content-disposition"] == 'attachment; filename="emoji.toml"'
    data = {"csrf_token": admin.csrf_token(), "read_file": "true"}
    page = admin.post("/admin/studies", data=data, files={"study_file": ("s.toml", file.content)}).text
    for words in (
        'value="Emoji"',
        'name="training.clip" value="none"',
        'name="sampling.groups" value="9"',
        "eval: owl",
    ):
        assert words in page
    assert re.search(r'name="seed"[^>]*value="4"', page)
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 1


@pytest.mark.parametrize("content", [b"name = ", b"\xff", b'name="a"\nquestion="b"\nmodel="c"\nprompts="/etc/hosts"'])
def test_a_study_file_that_cannot_be_used_is_refused_and_no_other_file_is_read(admin, content):
    data = {"csrf_token": admin.csrf_token(), **FORM, "read_file": "true"}
    refused = admin.post("/admin/studies", data=data, files={"study_file": ("s.toml", content)})
    assert refused.status_code == 422
    assert 'id="error-study_file"' in refused.text
    assert "localhost" not in refused.text
    assert 'value="Emoji"' in refused.text

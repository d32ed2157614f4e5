import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import Round, Study
from app.paths import DEMO
from tests import builders, scenes
from tests.queries import counted

NEW = {
    "name": "Emoji",
    "question": "Which is better?",
    "base_model": str(DEMO / "model"),
    "prompts": ["cat face", {"text": "owl", "split": "eval"}, {"text": "dog", "split": "train"}],
    "preset": "demo",
    "settings": {"training": {"rank": 8}},
    "seed": 3,
}


def number_of(factory, table) -> int:
    with transaction(factory) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_study_is_made_and_described(admin):
    made = admin.call("POST", "/studies", json=NEW)
    assert made.status_code == 201
    study = made.json()
    assert made.headers["location"] == f"/api/v1/studies/{study['id']}"
    assert (study["name"], study["seed"], study["settings"]["training"]["rank"]) == ("Emoji", 3, 8)
    assert [prompt["split"] for prompt in study["prompts"]] == ["both", "eval", "train"]
    assert study["model"]["files"]
    assert admin.call("GET", f"/studies/{study['id']}").json() == study


def test_the_same_idempotency_key_makes_one_study(admin, factory):
    token = {"X-CSRF-Token": admin.csrf_token(), "Idempotency-Key": "once"}
    answers = [admin.post("/api/v1/studies", json=NEW, headers=token) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert number_of(factory, Study) == 1


def test_what_cannot_be_used_is_named_in_problem_details_and_makes_nothing(admin, factory):
    refused = admin.call("POST", "/studies", json={**NEW, "settings": {"training": {"rank": 0}}})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert "training.rank" in refused.json()["fields"]
    assert number_of(factory, Study) == 0


@pytest.mark.parametrize("change", [{"base_model": "/no/such"}, {"prompts": []}, {"preset": "best"}, {"seed": -1}])
def test_bad_values_are_refused(admin, factory, change):
    assert admin.call("POST", "/studies", json={**NEW, **change}).status_code == 422
    assert number_of(factory, Study) == 0


def test_researchers_read_and_only_admins_write(researcher, annotator, anonymous, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    path = f"/studies/{study.id}"
    assert [client.call("GET", path).status_code for client in (researcher, annotator, anonymous)] == [200, 403, 401]
    assert researcher.call("POST", "/studies", json=NEW).status_code == 403
    assert researcher.call("POST", f"{path}/rounds", json={}).status_code == 403
    assert number_of(factory, Round) == 0


def test_the_list_goes_on_by_cursor_until_it_ends(researcher, factory):
    with transaction(factory) as session:
        ids = [builders.study(session).id for _ in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        page = researcher.call("GET", f"/studies?limit=2{cursor}").json()
        seen += [study["id"] for study in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert (seen, page["next"]) == (ids[::-1], None)


def test_a_cursor_from_elsewhere_is_refused(researcher):
    refused = researcher.call("GET", "/studies?cursor=tomorrow")
    assert refused.status_code == 422
    assert "cursor" in refused.json()["fields"]


def test_the_list_asks_no_more_queries_for_more_studies(researcher, factory, app):
    with transaction(factory) as session:
        builders.round_(session)
    with counted(app.state.engine) as few:
        researcher.get("/api/v1/studies")
    with transaction(factory) as session:
        for _ in range(4):
            builders.round_(session)
    with counted(app.state.engine) as many:
        researcher.get("/api/v1/studies")
    assert len(many) == len(few)


def test_a_round_is_launched_once_per_key_and_never_beside_an_open_one(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    headers = {"X-CSRF-Token": admin.csrf_token(), "Idempotency-Key": "first"}
    path = f"/api/v1/studies/{study.id}/rounds"
    made = admin.post(path, json={"pairs": 3, "settings": {"training": {"rank": 2}}}, headers=headers)
    assert (made.status_code, made.json()["groups"], made.json()["settings"]["training"]["rank"]) == (201, 3, 2)
    assert made.headers["location"] == f"/api/v1/rounds/{made.json()['id']}"
    assert admin.post(path, json={"pairs": 3}, headers=headers).json()["id"] == made.json()["id"]
    assert admin.call("POST", f"/studies/{study.id}/rounds", json={}).status_code == 409
    assert number_of(factory, Round) == 1


def test_an_evaluation_round_compares_two_policies(admin, factory):
    with transaction(factory) as session:
        checkpoint = scenes.checkpoint(session, builders.study(session), draws=1)
    body = {"kind": "evaluation", "checkpoint": checkpoint.id}
    made = admin.call("POST", f"/studies/{checkpoint.study_id}/rounds", json=body).json()
    assert (made["kind"], made["policy"], made["other_policy"]) == ("evaluation", 1, None)


def test_an_evaluation_round_is_of_the_current_checkpoint_and_the_base_unless_others_are_named(admin, factory):
    with transaction(factory) as session:
        checkpoint = scenes.checkpoint(session, builders.study(session))
    body = {"kind": "evaluation", "pairs": 3, "choices_per_pair": 2, "sampler": "ddim"}
    made = admin.call("POST", f"/studies/{checkpoint.study_id}/rounds", json=body).json()
    assert (made["policy"], made["other_policy"], made["groups"], made["sampler"]) == (1, None, 3, "ddim")
    assert made["settings"]["labeling"]["choices_per_pair"] == 2
    base = body | {"checkpoint": None}
    assert admin.call("POST", f"/studies/{checkpoint.study_id}/rounds", json=base).status_code == 422


def test_what_is_not_there_is_not_found(admin):
    assert admin.call("GET", "/studies/999").status_code == 404
    assert admin.call("POST", "/studies/999/rounds", json={}).status_code == 404


def test_a_study_is_changed_archived_and_taken_out(admin, researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    path = f"/studies/{study.id}"
    changed = admin.call("PATCH", path, json={"name": "Owls", "settings": {"training": {"rank": 9}}}).json()
    assert (changed["name"], changed["settings"]["training"]["rank"]) == ("Owls", 9)
    refused = admin.call("PATCH", path, json={"settings": {"sampling": {"eta": 0}}})
    assert (refused.status_code, "sampling.eta" in refused.json()["fields"]) == (422, True)
    assert admin.call("POST", f"{path}/archive").json()["archived_at"] is not None
    assert researcher.call("GET", "/studies").json()["items"] == []
    assert admin.call("POST", f"{path}/rounds", json={}).status_code == 409
    assert admin.call("POST", f"{path}/unarchive").json()["archived_at"] is None
    assert researcher.call("PATCH", path, json={"name": "X"}).status_code == 403


def test_a_studys_file_makes_the_same_study_and_a_copy_has_a_seed_of_its_own(admin, researcher, factory):
    made = admin.call("POST", "/studies", json=NEW).json()
    file = researcher.call("GET", f"/studies/{made['id']}/file")
    assert file.headers["content-type"].startswith("application/toml")
    again = admin.call("POST", "/studies/file", json={"toml": file.text})
    assert again.status_code == 201
    for field in ("name", "settings", "seed", "prompts", "preset"):
        assert again.json()[field] == made[field]
    copy = admin.call("POST", f"/studies/{made['id']}/copy", json={"name": "Second"}).json()
    assert (copy["name"], copy["settings"], copy["prompts"]) == ("Second", made["settings"], made["prompts"])
    assert copy["seed"] != made["seed"]
    assert admin.call("POST", "/studies/file", json={"toml": "name ="}).status_code == 422


def test_what_a_round_takes_is_estimated(researcher, factory):
    with transaction(factory) as session:
        model, prompts = builders.base_model(session, image_size=512), builders.prompt_set(session)
    body = {"settings": {"sampling": {"groups": 10}}, "base_model": model.id, "prompt_set": prompts.id}
    found = researcher.call("POST", "/studies/estimate", json=body).json()
    assert (found["samples"], found["choices"], found["evaluation_pictures"]) == (20, 10, 32)
    assert (found["trajectory_bytes"], found["draw_seconds"]) == (20 * 655_360, None)
    assert researcher.call("POST", "/studies/estimate", json={"preset": "best"}).status_code == 422


def test_what_the_next_round_starts_from_and_how_many_follow_are_changed(admin, factory):
    with transaction(factory) as session:
        study, other = builders.study(session), builders.study(session)
        made, others = (scenes.checkpoint(session, one) for one in (study, other))
    path = f"/studies/{study.id}"
    changed = admin.call("PATCH", path, json={"checkpoint": made.id, "auto_rounds": 2}).json()
    assert (changed["current_checkpoint"], changed["auto_rounds"]) == (made.number, 2)
    assert admin.call("PATCH", path, json={"auto_rounds": 0}).json()["current_checkpoint"] == made.number
    assert admin.call("PATCH", path, json={"checkpoint": others.id}).status_code == 404
    assert admin.call("PATCH", path, json={"checkpoint": None}).json()["current_checkpoint"] is None
    with transaction(factory) as session:
        builders.round_(session, study_id=study.id)
    assert admin.call("PATCH", path, json={"checkpoint": made.id}).status_code == 409

"""The playground's pages. What a worker does is written by hand here; tests/worker/test_playground.py draws."""

import re

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models import Job, JobState, PromptSet, Sampler, Split, Study, TryIt
from app.services import prompt_sets, studies, study_views
from app.services.jobs import Urgency
from tests import builders, scenes
from tests.queries import counted

HTMX = {"HX-Request": "true"}
FORM = {"prompt": "a red fox", "base": "true", "steps": "8", "eta": "0.5", "guidance": "7", "draws": "2", "seed": "5"}


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
        scenes.checkpoint(session, study, parent=scenes.checkpoint(session, study))
        return study


@pytest.fixture
def ids(study, factory) -> list[int]:
    """The ids of checkpoints 1 and 2."""
    with transaction(factory) as session:
        return [one.id for one in reversed(study_views.checkpoint_options(session, study.id))]


def page(study: Study) -> str:
    return f"/research/studies/{study.id}/playground"


def ask(client, study, **fields) -> int:
    answer = client.submit(page(study), **FORM | fields)
    assert answer.status_code == 303
    return int(answer.headers["location"].rpartition("/")[2])


def row(factory, try_id) -> TryIt:
    with transaction(factory) as session:
        return session.get_one(TryIt, try_id)


def draw(factory, artifacts, try_id) -> None:
    """What the worker does: pictures of every policy and noise, all of the first policy first."""
    with transaction(factory) as session:
        made = session.get_one(TryIt, try_id)
        made.pictures = [
            {"key": f"studies/{made.study_id}/tries/{try_id}/{number}.webp", "size": 5, "width": 64, "height": 64}
            for number in range(len(made.policies) * made.draws)
        ]
        for picture in made.pictures:
            artifacts.put_bytes(picture["key"], b"12345")
        made.seconds, job = 1.6, session.get_one(Job, made.job_id)
        job.state, job.ended_at, job.lease_until = JobState.DONE, builders.now(), None


def test_the_form_asks_for_base_checkpoints_and_a_mix_and_the_result_fills_it_again(researcher, factory, study, ids):
    first, second = ids
    begun = researcher.get(page(study)).text
    assert re.search(rf'<option value="{second}" selected>Checkpoint 2', begun), "the newest one is chosen"
    made = ask(
        researcher, study, checkpoint_1=first, strength_1="0.5", checkpoint_2=second, strength_2="1",
        mix_a=first, weight_a="0.3", mix_b=second, weight_b="0.7", negative_prompt="blur",
    )  # fmt: skip
    stored = row(factory, made)
    assert stored.policies == [
        [],
        [{"checkpoint": first, "weight": 0.5}],
        [{"checkpoint": second, "weight": 1.0}],
        [{"checkpoint": first, "weight": 0.3}, {"checkpoint": second, "weight": 0.7}],
    ]
    assert (stored.prompt, stored.seed, stored.draws, stored.sampler) == ("a red fox", 5, 2, Sampler.STUDY)
    said = stored.sampling
    assert (said["steps"], said["eta"], said["guidance"], said["negative_prompt"]) == (8, 0.5, 7.0, "blur")
    assert (said["branch_steps"], said["antithetic"]) == (None, False)
    with transaction(factory) as session:
        job = session.get_one(Job, stored.job_id)
        assert (job.kind.value, job.urgency, job.study_id) == ("try_it", Urgency.TRY_IT, study.id)
    shown = researcher.get(f"/research/tries/{made}").text
    for value in ("a red fox", "blur", 'value="0.5"', 'value="0.7"', 'name="seed" type="text" value="5"'):
        assert value in shown


def test_what_came_of_it_is_seen_by_the_house_until_it_is_removed(
    researcher, sign_in, admin, annotator, factory, artifacts, study, ids
):  # fmt: skip
    made = ask(researcher, study, checkpoint_1=ids[0], strength_1="0.5", mix_a=ids[0], mix_b=ids[1])
    where = f"/research/tries/{made}"
    waiting = researcher.get(where, headers=HTMX).text
    assert 'hx-trigger="every 1s"' in waiting
    with transaction(factory) as session:
        job = session.get_one(Job, row(factory, made).job_id)
        job.state, job.lease_until = JobState.RUNNING, builders.now()
        job.progress = {"done": 12, "total": 48, "unit": "steps", "per_second": 2.0}
    assert "18 s left" in researcher.get(where, headers=HTMX).text
    draw(factory, artifacts, made)

    done = researcher.get(where, headers=HTMX).text
    assert "hx-trigger" not in done
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", done)
    assert captions == ["base", "0.5 × checkpoint 1", "0.5 × checkpoint 1 + 0.5 × checkpoint 2"] * 2
    pictures = re.findall(r'src="(/i/[^"]+)"', done)
    assert len(set(pictures)) == 6
    assert researcher.get(pictures[0]).content == b"12345"

    other = sign_in(researcher.user.role)
    seen = other.get(where).text
    assert "a red fox" in seen
    assert "/remove" not in seen
    assert "Nothing yet" in seen, "the history is one's own"
    assert other.submit(f"{where}/remove").status_code == 403
    assert annotator.get(where).status_code == 403
    assert f"/research/tries/{made}" in researcher.get(page(study)).text

    keys = [picture["key"] for picture in row(factory, made).pictures]
    assert admin.submit(f"{where}/remove").headers["location"] == page(study)
    assert researcher.get(where).status_code == 404
    assert not any(artifacts.exists(key) for key in keys)


def test_it_can_be_stopped_by_whoever_asked(researcher, sign_in, factory, study):
    made = ask(researcher, study)
    where = f"/research/tries/{made}"
    assert sign_in(researcher.user.role).submit(f"{where}/stop").status_code == 403
    assert researcher.submit(f"{where}/remove").status_code == 409
    assert researcher.submit(f"{where}/stop").status_code == 303
    assert "It was stopped." in researcher.get(where).text
    assert researcher.submit(f"{where}/stop").status_code == 409


def test_faults_stand_beside_their_fields_and_nothing_is_asked(researcher, factory, study, ids):
    for change, said in (
        ({"prompt": " "}, "write a prompt"),
        ({"base": ""}, "choose 1 to 5"),
        ({"steps": "1"}, "2 to 500"),
        ({"eta": "1.5"}, "eta"),
        ({"eta": "x"}, "a number"),
        ({"guidance": "0"}, "guidance"),
        ({"seed": "-1"}, "0 to"),
        ({"draws": "9"}, "1 to 4"),
        ({"checkpoint_1": ids[0], "strength_1": "1.6"}, "0 to 1.5"),
        ({"mix_a": ids[0]}, "choose both, or neither"),
    ):
        refused = researcher.submit(page(study), **FORM | change)
        assert (refused.status_code, said in refused.text) == (422, True), change
        assert "Draw" in refused.text
    assert researcher.submit(page(study), **FORM | {"checkpoint_1": 999_999}).status_code == 404
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(TryIt)) == 0
        foreign = scenes.checkpoint(session, builders.study(session)).id
    assert researcher.submit(page(study), **FORM | {"checkpoint_1": foreign}).status_code == 404


def test_three_at_once_are_enough_and_eta_0_is_ddim(researcher, factory, study):
    made = [ask(researcher, study, eta="0") for _ in range(3)]
    assert row(factory, made[0]).sampler is Sampler.DDIM
    refused = researcher.submit(page(study), **FORM)
    assert (refused.status_code, "Wait until one is drawn" in refused.text) == (429, True)


def test_a_saved_prompt_is_in_the_next_version_and_the_study_stays_with_its_own(
    researcher, factory, artifacts, study
):  # fmt: skip
    made = [ask(researcher, study, prompt=prompt) for prompt in ("a red fox", "a blue fox", builders.PROMPTS[0])]
    for try_id in made:
        draw(factory, artifacts, try_id)
    for try_id in made[:2]:
        assert "Saving the prompt makes the next version" in researcher.get(f"/research/tries/{try_id}").text
        assert researcher.submit(f"/research/tries/{try_id}/prompt").status_code == 303
        said = researcher.get(f"/research/tries/{try_id}").text
        assert "This study stays with version 1" in said
        assert f"/research/tries/{try_id}/prompt" not in said
    assert "It is an evaluation prompt of this study." not in researcher.get(f"/research/tries/{made[0]}").text
    assert researcher.submit(f"/research/tries/{made[0]}/prompt").status_code == 409
    assert researcher.submit(f"/research/tries/{made[2]}/prompt").status_code == 409, "the study has it"
    with transaction(factory) as session:
        own = prompt_sets.get(session, studies.get(session, study.id).prompt_set_id)
        newest = session.scalars(select(PromptSet).order_by(PromptSet.id.desc()).limit(1)).one()
        assert (own.version, newest.name, newest.version) == (1, own.name, 3)
        before, after = prompt_sets.lines_of(session, own.id), prompt_sets.lines_of(session, newest.id)
        assert after[: len(before)] == before
        assert [(line.text, line.split) for line in after[len(before) :]] == [
            ("a red fox", Split.EVAL), ("a blue fox", Split.EVAL),
        ]  # fmt: skip


def test_a_train_prompt_that_is_saved_is_for_both(researcher, factory, artifacts):
    with transaction(factory) as session:
        lines = prompt_sets.parse("train: a red fox\neval: owl")
        prompts = prompt_sets.create(session, name="Split", prompts=lines, actor=None)
        study = builders.study(session, prompt_set_id=prompts.id)
    made = ask(researcher, study)
    draw(factory, artifacts, made)
    researcher.submit(f"/research/tries/{made}/prompt")
    with transaction(factory) as session:
        newest = session.scalars(select(PromptSet).order_by(PromptSet.id.desc()).limit(1)).one()
        saved = [(one.text, one.split) for one in prompt_sets.lines_of(session, newest.id)]
        assert saved == [("a red fox", Split.BOTH), ("owl", Split.EVAL)]


def test_over_the_api(researcher, sign_in, factory, artifacts, study, ids):
    body = {
        "prompt": "a red fox",
        "policies": [[], [{"checkpoint": ids[0], "weight": 0.5}]],
        "eta": 0,
        "seed": 3,
        "draws": 2,
    }
    made = researcher.call("POST", f"/studies/{study.id}/playground", json=body)
    assert made.status_code == 201
    said = made.json()
    assert (said["prompt"], said["state"], said["eta"], said["seed"], said["page"]) == (
        "a red fox", "waiting", 0, 3, f"/research/tries/{said['id']}",
    )  # fmt: skip
    assert said["policies"] == [
        {"parts": [], "images": []},
        {"parts": [{"checkpoint": ids[0], "number": 1, "weight": 0.5}], "images": []},
    ]
    where = made.headers["location"].removeprefix("/api/v1")
    draw(factory, artifacts, said["id"])
    done = researcher.get(f"/api/v1{where}").json()
    assert [len(policy["images"]) for policy in done["policies"]] == [2, 2]
    other = sign_in(researcher.user.role)
    assert other.get(f"/api/v1{where}").json()["state"] == "done"
    assert other.call("DELETE", where).status_code == 403
    assert other.get("/api/v1/playground").json()["items"] == []
    (item,) = researcher.get(f"/api/v1/playground?study={study.id}").json()["items"]
    assert item["id"] == said["id"]
    saved = researcher.call("POST", f"{where}/prompt")
    assert (saved.status_code, saved.json()["version"], saved.json()["study_version"]) == (201, 2, 1)
    assert researcher.call("POST", f"{where}/stop").status_code == 409
    assert researcher.call("DELETE", where).status_code == 204
    assert researcher.get(f"/api/v1{where}").status_code == 404


def test_the_same_key_gives_the_same_try_and_what_is_wrong_is_refused(researcher, annotator, study, ids):
    path, body = f"/studies/{study.id}/playground", {"prompt": "owl", "policies": [[]]}
    headers = {"X-CSRF-Token": researcher.csrf_token(), "Idempotency-Key": "k"}
    made = [researcher.post(f"/api/v1{path}", json=body, headers=headers).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    for wrong in (
        {"policies": []}, {"policies": [[]] * 6}, {"prompt": ""}, {"eta": 2}, {"draws": 5}, {"steps": 1},
        {"policies": [[{"checkpoint": ids[0], "weight": 2}]]}, {"policies": [[{"checkpoint": ids[0]}] * 3]},
        {"prompt": "a\u0000b"}, {"more": 1},
    ):  # fmt: skip
        assert researcher.call("POST", path, json=body | wrong).status_code == 422, wrong
    assert annotator.call("POST", path, json=body).status_code == 403


def test_more_tries_policies_and_pictures_ask_no_more_queries(researcher, study, ids, factory, artifacts, app):
    def queries(path: str) -> int:
        with counted(app.state.engine) as seen:
            assert researcher.get(path).status_code == 200
        return len(seen)

    small = drawn(researcher, study, factory, artifacts, checkpoint_1=ids[0], mix_a=ids[0], mix_b=ids[1], draws="1")
    few = queries(page(study)), queries(f"/research/tries/{small}")
    for _ in range(4):
        large = drawn(
            researcher, study, factory, artifacts, checkpoint_1=ids[0], checkpoint_2=ids[1], mix_a=ids[0],
            mix_b=ids[1], draws="4",
        )  # fmt: skip
    assert len(row(factory, large).policies) > len(row(factory, small).policies)
    assert (queries(page(study)), queries(f"/research/tries/{large}")) == few


def drawn(client, study, factory, artifacts, **fields) -> int:
    """The id of a try that a worker has drawn."""
    try_id = ask(client, study, **fields)
    draw(factory, artifacts, try_id)
    return try_id

"""Trying settings out from the forms. What a worker does is written by hand here; tests/worker/test_try_it.py draws."""

import re
from datetime import timedelta

from sqlalchemy import func, select

from app.db import transaction
from app.models import Job, JobState, TryIt
from app.paths import DEMO
from app.services.jobs import Urgency
from app.study_settings import load_preset
from tests import builders, scenes

FORM = {"model": "other", "source": str(DEMO / "model"), "prompts": "# animals\ncat face\nowl", "preset": "demo"}
HTMX = {"HX-Request": "true"}


def tries(factory) -> list[TryIt]:
    with transaction(factory) as session:
        return list(session.scalars(select(TryIt).order_by(TryIt.id)))


def end(factory, try_id, state, *, error=None, pictures=()):
    with transaction(factory) as session:
        row = session.get_one(TryIt, try_id)
        job = session.get_one(Job, row.job_id)
        job.state, job.error, job.ended_at, job.lease_until = state, error, builders.now(), None
        row.pictures, row.seconds, row.loading_seconds = list(pictures), 1.25, 0.0


def test_a_form_is_tried_before_the_study_exists(admin, factory):
    fields = {"csrf_token": admin.csrf_token(), **FORM, "sampling.guidance": "7", "training.rank": "nonsense"}
    answer = admin.post("/admin/tries", data=fields, headers=HTMX)
    assert 'hx-trigger="every 1s"' in answer.text
    (made,) = tries(factory)
    steps = load_preset("demo")[0].sampling.steps
    assert (made.prompt, made.study_id, made.sampling["guidance"], made.sampling["steps"]) == (
        "cat face",
        None,
        7,
        steps,
    )
    with transaction(factory) as session:
        job = session.get_one(Job, made.job_id)
        assert (job.kind.value, job.urgency, job.study_id) == ("try_it", Urgency.TRY_IT, None)
        assert min(value for name, value in vars(Urgency).items() if name.isupper()) == Urgency.TRY_IT


def test_what_came_of_it_is_shown_until_it_has_ended(admin, factory, artifacts):
    with transaction(factory) as session:
        model = builders.base_model(session)
        sample = builders.sample(session, artifacts=artifacts)
    where = admin.submit("/admin/tries", **FORM | {"model": str(model.id)}, try_prompt="a red fox").headers["location"]
    (made,) = tries(factory)
    assert made.prompt == "a red fox"
    assert "Waiting for a worker" in admin.get(where, headers=HTMX).text
    with transaction(factory) as session:
        session.get_one(Job, made.job_id).due_at -= timedelta(minutes=2)
    assert "No worker is running" in admin.get(where, headers=HTMX).text
    with transaction(factory) as session:
        job = session.get_one(Job, made.job_id)
        job.state, job.lease_until = JobState.RUNNING, builders.now()
        job.progress = {"done": 3, "total": 10}
    assert "Drawing: step 3 of 10" in admin.get(where, headers=HTMX).text

    picture = {"key": sample.webp_key, "width": 64, "height": 64}
    end(factory, made.id, JobState.DONE, pictures=[picture, picture])
    done = admin.get(where, headers=HTMX).text
    assert "hx-trigger" not in done
    assert "Drawn in 1.25 s" in done
    addresses = re.findall(r'<img src="(/i/[^"]+)"', done)
    assert len(addresses) == 2
    assert admin.get(addresses[0]).headers["content-type"] == "image/webp"
    assert "a red fox" in admin.get(where).text

    end(factory, made.id, JobState.FAILED, error="The device ran out of memory.")
    failed = admin.get(where, headers=HTMX).text
    assert "ran out of memory" in failed
    assert "hx-trigger" not in failed


def test_a_study_is_tried_with_its_current_checkpoint_and_what_its_form_says(admin, factory):
    with transaction(factory) as session:
        checkpoint = scenes.checkpoint(session, builders.study(session), draws=1)
    admin.submit("/admin/tries", study_id=str(checkpoint.study_id), **{"sampling.steps": "12", "sampling.eta": "0.5"})
    (made,) = tries(factory)
    assert (made.study_id, made.checkpoint_id, made.prompt) == (checkpoint.study_id, checkpoint.id, "cat face")
    assert (made.sampling["steps"], made.sampling["eta"], made.sampling["guidance"]) == (12, 0.5, 5.0)


def test_a_form_with_faults_is_told_them_and_nothing_is_asked(admin, factory):
    token = {"csrf_token": admin.csrf_token()}
    for change in ({"source": "/no/such"}, {"prompts": ""}, {"sampling.steps": "1"}, {"model": "999"}):
        refused = admin.post("/admin/tries", data=token | FORM | change, headers=HTMX)
        assert (refused.status_code, 'role="alert"' in refused.text) == (200, True)
    assert admin.submit("/admin/tries", **FORM | {"sampling.steps": "1"}).status_code == 422
    assert tries(factory) == []


def test_three_at_once_are_enough(admin, factory):
    for _ in range(3):
        assert admin.submit("/admin/tries", **FORM).status_code == 303
    assert admin.submit("/admin/tries", **FORM).status_code == 429
    end(factory, tries(factory)[0].id, JobState.DONE)
    assert admin.submit("/admin/tries", **FORM).status_code == 303


def test_over_the_api(admin, researcher, factory):
    with transaction(factory) as session:
        study = builders.study(session)
    made = admin.call("POST", "/tries", json={"study": study.id, "sampling": {"steps": 4}, "seed": 3})
    assert made.status_code == 201
    body = made.json()
    assert (body["prompt"], body["state"], body["images"], body["sampling"]["steps"]) == ("cat face", "waiting", [], 4)
    assert admin.get(made.headers["location"]).json() == body
    without = {"base_model": study.base_model_id, "preset": "fast", "prompt": "owl"}
    assert admin.call("POST", "/tries", json=without).json()["sampling"]["steps"] == 10
    for wrong in ({}, {"study": study.id, "base_model": 1}, {"base_model": study.base_model_id}, {"study": 999}):
        assert admin.call("POST", "/tries", json=wrong).status_code in (404, 422)
    assert researcher.call("POST", "/tries", json={"study": study.id}).status_code == 403
    assert researcher.get("/admin/tries/1").status_code == 403
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(TryIt)) == 2

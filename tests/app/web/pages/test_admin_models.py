from app.db import transaction
from app.models import CheckState, Job, JobState, ModelCheck
from tests import builders, scenes

PATH = "/admin/models"


def the_check(factory):
    with transaction(factory) as session:
        return session.query(ModelCheck).one()


def test_the_registry_is_the_admins_alone(annotator, researcher, anonymous):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(PATH).status_code == status
        assert client.submit(PATH, source="owner/name").status_code == status


def test_a_model_is_asked_for_by_a_form_and_the_request_reads_no_weights(admin, factory):
    assert admin.submit(PATH, source="/models/xl", name="Large").headers["location"] == PATH
    check = the_check(factory)
    assert (check.state, check.name, check.source) == (CheckState.CHECKING, "Large", "/models/xl")
    page = admin.get(PATH).text
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in admin.get(PATH, headers={"HX-Request": "true"}).text


def test_what_cannot_be_used_comes_back_beside_its_field(admin, factory):
    answer = admin.submit(PATH, source="not a model", revision="main")
    assert answer.status_code == 422
    assert "is neither a folder" in answer.text
    assert 'value="not a model"' in answer.text


def test_a_refused_one_is_checked_again_or_taken_off(admin, factory):
    admin.submit(PATH, source="owner/flux")
    with transaction(factory) as session:
        check = session.query(ModelCheck).one()
        session.get_one(Job, check.job_id).state = JobState.FAILED
        check.state, check.reason = CheckState.REFUSED, "holds a FluxPipeline"
    page = admin.get(PATH).text
    assert "holds a FluxPipeline" in page
    assert "every 2s" not in page
    admin.submit(f"{PATH}/checks/{check.id}/retry")
    assert the_check(factory).state is CheckState.CHECKING
    assert admin.submit(f"{PATH}/checks/{check.id}/forget").status_code == 409


def test_a_model_shows_what_was_measured(admin, factory, artifacts):
    with transaction(factory) as session:
        model = scenes.registry(session, artifacts)
        other = builders.base_model(session)
    page = admin.get(PATH).text
    for said in ("SDXL", "3,469,069,219", "8.9 GB of weights, 11.2 GB at most", "cuda (NVIDIA H100)", "/i/"):
        assert said in page
    assert f'action="{PATH}/{other.id}/check"' in page
    assert admin.submit(f"{PATH}/{model.id}/check").status_code == 303


def test_the_api_answers_at_once_and_tells_how_the_check_stands(admin, researcher, factory, artifacts):
    made = admin.call("POST", "/base-models", json={"source": "owner/name", "revision": "main"})
    assert (made.status_code, made.json()["state"]) == (202, "checking")
    again = admin.call("POST", "/base-models", json={"source": "owner/name", "revision": "main"}).json()
    assert again["id"] == made.json()["id"]
    assert admin.call("GET", f"/base-models/checks/{again['id']}").json()["base_model"] is None
    assert researcher.call("POST", "/base-models", json={"source": "owner/name"}).status_code == 403
    with transaction(factory) as session:
        scenes.registry(session, artifacts)
    listed = {model["name"]: model for model in researcher.call("GET", "/base-models").json()}
    assert listed["Stable Diffusion XL"]["measured"]["precision"] == "fp16"

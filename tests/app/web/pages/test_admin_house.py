import pytest

from app.db import transaction
from app.models import Job, JobState, Queue
from app.services import jobs
from tests import builders

PATH = "/admin/house"


@pytest.fixture
def failed(factory) -> Job:
    with transaction(factory) as session:
        round_ = builders.round_(session)
        return builders.job(
            session, study_id=round_.study_id, round_id=round_.id, state=JobState.FAILED, error="out of memory"
        )


def test_the_house_is_the_admins_alone(annotator, researcher, anonymous, failed):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        for path in (PATH, f"{PATH}/failed", "/live/house"):
            assert client.get(path).status_code == status
        assert client.submit(f"{PATH}/jobs/{failed.id}/retry").status_code == status


def test_workers_queues_and_failures_are_shown(admin, factory, failed):
    with transaction(factory) as session:
        jobs.see_worker(
            session,
            name="gpu/1",
            queue_name=Queue.ACCELERATOR,
            device="cuda (H100)",
            version="1.2",
            memory=(3 * 10**9, 80 * 10**9),
        )
    page = admin.get(PATH).text
    for said in ("gpu/1", "cuda (H100)", "version 1.2", "3 GB of 80 GB GPU memory", "out of memory", "Try again"):
        assert said in page
    assert "out of memory" in admin.get(f"{PATH}/failed").text


def test_htmx_gets_one_part_alone(admin, failed):
    part = admin.get(f"{PATH}?part=failed", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<section id="house-failed"')
    assert "HX-Request" in part.headers["vary"]
    assert admin.get(f"{PATH}?part=kitchen", headers={"HX-Request": "true"}).status_code == 404


def test_a_failed_job_is_tried_again_from_its_line(admin, factory, failed):
    answer = admin.submit(f"{PATH}/jobs/{failed.id}/retry")
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    with transaction(factory) as session:
        assert session.get_one(Job, failed.id).state is JobState.WAITING
    assert admin.submit(f"{PATH}/jobs/{failed.id}/retry").status_code == 409


def test_a_clean_up_is_asked_for_by_a_form(admin, researcher, factory):
    assert "Clean up now" in admin.get(f"{PATH}/files").text
    assert researcher.submit(f"{PATH}/files", keep="1").status_code == 403
    assert admin.submit(f"{PATH}/files", keep="1").headers["location"] == f"{PATH}/files"
    assert "A clean-up is at work" in admin.get(f"{PATH}/files").text
    assert admin.submit(f"{PATH}/files", keep="1").status_code == 409
    assert admin.submit(f"{PATH}/files", keep="9").status_code == 422


def test_the_system_check_names_what_is_missing(admin, researcher):
    page = admin.get(f"{PATH}/check").text
    for said in ("PostgreSQL", "as this version wants it", "none is running", "tastemaker worker --queue cpu"):
        assert said in page
    assert researcher.get(f"{PATH}/check").status_code == 403

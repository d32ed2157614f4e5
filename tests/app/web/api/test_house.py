from app.db import transaction
from app.models import Job, JobKind, JobState, Queue
from app.services import events, jobs
from tests import builders


def test_workers_and_queues_are_told(admin, researcher, factory):
    with transaction(factory) as session:
        jobs.see_worker(session, name="gpu/1", queue_name=Queue.ACCELERATOR, device="cuda", version="1", memory=(3, 8))
        builders.job(session)
    (worker,) = admin.call("GET", "/workers").json()
    assert (worker["name"], worker["memory_used"], worker["memory_total"], worker["alive"]) == ("gpu/1", 3, 8, True)
    queues = {queue["name"]: queue for queue in admin.call("GET", "/queues").json()}
    assert (queues["accelerator"]["waiting"], queues["accelerator"]["workers"], queues["cpu"]["waiting"]) == (1, 1, 0)
    assert researcher.call("GET", "/workers").status_code == 403


def test_failed_jobs_are_listed_and_tried_again(admin, factory):
    with transaction(factory) as session:
        first, second = (builders.job(session, state=JobState.FAILED, error="no").id for _ in range(2))
        round_ = builders.round_(session)
        session.get_one(Job, second).round_id = round_.id
    page = admin.call("GET", "/jobs/failed?limit=1").json()
    assert [(job["id"], job["may_retry"]) for job in page["items"]] == [(second, True)]
    rest = admin.call("GET", f"/jobs/failed?limit=1&cursor={page['next']}").json()
    assert ([(job["id"], job["may_retry"]) for job in rest["items"]], rest["next"]) == ([(first, False)], None)
    assert admin.call("POST", f"/jobs/{second}/retry").status_code == 204
    assert admin.call("POST", f"/jobs/{first}/retry").status_code == 409


def test_events_come_in_pages_newest_first(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        for number in range(3):
            events.write(session, "study.created", study, number=number)
    page = admin.call("GET", f"/events?limit=2&study={study.id}&kind=studies&who=system").json()
    assert [event["details"]["number"] for event in page["items"]] == [2, 1]
    rest = admin.call("GET", f"/events?limit=2&study={study.id}&cursor={page['next']}").json()
    assert [event["details"]["number"] for event in rest["items"]] == [0]


def test_a_clean_up_is_asked_for_and_is_one_at_a_time(admin, researcher, factory):
    assert researcher.call("POST", "/files/clean-up", json={}).status_code == 403
    made = admin.call("POST", "/files/clean-up", json={"keep": 1})
    assert (made.status_code, made.json()["keep"]) == (202, 1)
    with transaction(factory) as session:
        job = session.get_one(Job, made.json()["job"])
        assert (job.kind, job.state) == (JobKind.CLEAN_UP, JobState.WAITING)
    assert admin.call("POST", "/files/clean-up", json={"keep": 1}).status_code == 409
    assert admin.call("POST", "/files/clean-up", json={"keep": -1}).status_code == 422

import pytest

from app.db import transaction
from app.models import Export, Job, JobState, Study
from app.services import jobs
from tests import builders, scenes

CONTENT = b"0123456789"


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji 2")
        scenes.labeling_round(session, study, pairs=3, closed=2)
        return study


def ask(client, study, **body):
    return client.call("POST", f"/studies/{study.id}/exports", json={"format": "parquet", **body})


def written(factory, artifacts, export_id: int) -> None:
    """What a worker does in the end."""
    with transaction(factory) as session:
        export = session.get_one(Export, export_id)
        stored = artifacts.put_bytes(f"studies/{export.study_id}/exports/{export.job_id}-1/parquet.parquet", CONTENT)
        export.key, export.size, export.sha256, export.rows = stored.key, stored.size, stored.sha256, 2
        jobs.end(session.get_one(Job, export.job_id), JobState.DONE)


def test_an_export_is_asked_for_listed_downloaded_in_ranges_and_removed(researcher, factory, artifacts, study):
    answer = ask(researcher, study)
    made = answer.json()
    assert (answer.status_code, made["state"], made["download"]) == (201, "waiting", None)
    assert researcher.get(answer.headers["location"]).json() == made
    assert researcher.call("GET", f"/exports/{made['id']}/download").status_code == 409
    written(factory, artifacts, made["id"])
    (listed,) = researcher.call("GET", f"/studies/{study.id}/exports").json()["items"]
    assert (listed["state"], listed["rows"], listed["size"]) == ("done", 2, len(CONTENT))
    file = researcher.get(listed["download"])
    assert file.content == CONTENT
    assert file.headers["etag"] == f'"{listed["sha256"]}"'
    assert file.headers["content-disposition"] == f'attachment; filename="emoji-2-parquet-{made["id"]}.parquet"'
    part = researcher.get(listed["download"], headers={"Range": "bytes=4-"})
    assert (part.status_code, part.content) == (206, CONTENT[4:])
    assert researcher.get(listed["download"], headers={"If-None-Match": file.headers["etag"]}).status_code == 304
    assert researcher.call("POST", f"/exports/{made['id']}/stop").status_code == 409
    assert researcher.call("DELETE", f"/exports/{made['id']}").status_code == 204
    assert researcher.call("GET", f"/exports/{made['id']}").status_code == 404
    assert not list(artifacts.keys(f"studies/{study.id}/exports"))


def test_an_export_at_work_can_be_stopped_and_not_removed(researcher, study):
    made = ask(researcher, study, format="pickapic", rounds="all").json()
    assert (made["format"], made["rounds"]) == ("pickapic", "all")
    assert researcher.call("DELETE", f"/exports/{made['id']}").status_code == 409
    assert researcher.call("POST", f"/exports/{made['id']}/stop").json()["state"] == "cancelled"
    assert researcher.call("DELETE", f"/exports/{made['id']}").status_code == 204


def test_the_same_key_gives_the_same_export(researcher, study):
    headers = {"X-CSRF-Token": researcher.csrf_token(), "Idempotency-Key": "once"}
    path, body = f"/api/v1/studies/{study.id}/exports", {"format": "csv"}
    first, again = (researcher.post(path, json=body, headers=headers).json() for _ in range(2))
    assert first["id"] == again["id"]


def test_pages_of_the_list_follow_each_other(researcher, study):
    made = [ask(researcher, study, format="csv").json()["id"] for _ in range(3)]
    page = researcher.call("GET", f"/studies/{study.id}/exports?limit=2").json()
    assert [item["id"] for item in page["items"]] == made[:0:-1]
    rest = researcher.call("GET", f"/studies/{study.id}/exports?limit=2&cursor={page['next']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (made[:1], None)


def test_what_cannot_be_exported_is_said(researcher, annotator, study):
    answer = ask(researcher, study, format="xls")
    assert answer.status_code == 422
    assert "pickapic" in answer.json()["remedy"]
    assert ask(researcher, study, rounds="none").status_code == 422
    assert researcher.call("POST", "/studies/999/exports", json={"format": "csv"}).status_code == 404
    assert researcher.call("GET", "/studies/999/exports").status_code == 404
    assert ask(annotator, study).status_code == 403
    made = ask(researcher, study).json()["id"]
    for method, path in (("GET", ""), ("GET", "/download"), ("POST", "/stop"), ("DELETE", "")):
        assert annotator.call(method, f"/exports/{made}{path}").status_code == 403


def test_an_export_that_was_stopped_is_written_anew(researcher, study):
    made = ask(researcher, study).json()
    path = f"/exports/{made['id']}"
    assert researcher.call("POST", f"{path}/again").status_code == 409
    researcher.call("POST", f"{path}/stop")
    assert researcher.call("POST", f"{path}/again").json()["state"] == "waiting"

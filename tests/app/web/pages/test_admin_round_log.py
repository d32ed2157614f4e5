"""The log of a round: on its page, on a page of its own, and as a file."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Job, JobKind, LogLevel, Round
from app.services import job_logs, jobs
from app.services.job_logs import Said
from tests import builders, scenes
from tests.queries import counted


@pytest.fixture
def training(factory) -> Round:
    with transaction(factory) as session:
        round_ = scenes.training_round(session, builders.study(session, name="Emoji"), steps=3)
        scenes.logged(session, round_)
        return round_


def say(factory, round_: Round, *messages: str) -> Job:
    with transaction(factory) as session:
        job = session.scalars(select(Job).where(Job.round_id == round_.id, Job.kind == JobKind.TRAINING)).one()
        said = [Said(builders.now(), LogLevel.INFO, message) for message in messages]
        job_logs.store(session, jobs.claim_of(job), said, round_id=round_.id)
        return job


def test_the_round_tells_its_newest_lines_and_where_all_are(admin, training):
    page = admin.get(f"/admin/rounds/{training.id}").text
    for words in ("Step step=200 of=300", "Update dropped", "chunk 1", "run 1", f"/admin/rounds/{training.id}/log"):
        assert words in page
    assert "Tried again later" in page
    assert page.count("said__row ") == job_logs.NEWEST


def test_the_part_is_sent_by_the_live_stream_when_something_was_said(admin, factory, training):
    before = admin.get(f"/admin/rounds/{training.id}?part=log", headers={"HX-Request": "true"}).text
    say(factory, training, "something new")
    after = admin.get(f"/admin/rounds/{training.id}?part=log", headers={"HX-Request": "true"}).text
    assert "something new" not in before
    assert "something new" in after


def test_the_page_has_all_lines_with_what_failed_and_what_is_markup_is_told_as_text(admin, factory, training):
    say(factory, training, "<b>bold</b>")
    page = admin.get(f"/admin/rounds/{training.id}/log").text
    for words in (
        "CUDA out of memory",
        "worker/tasks/chunk.py:41 in run",
        "try 2",
        "laptop/1",
        "Drawing chunk groups=40",
    ):
        assert words in page
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page


def test_lines_are_chosen_by_job_kind_and_level(admin, factory, training):
    job = say(factory, training, "of the run")
    path = f"/admin/rounds/{training.id}/log"
    of_job = admin.get(f"{path}?job={job.id}").text
    assert "of the run" in of_job
    assert "Drawing chunk" not in of_job
    assert f'<option value="{job.id}" selected>run 1</option>' in of_job
    of_kind = admin.get(f"{path}?job=chunk").text
    assert "Drawing chunk" in of_kind
    assert "of the run" not in of_kind
    errors = admin.get(f"{path}?level=error").text
    assert "CUDA out of memory" in errors
    assert "Update dropped" not in errors
    assert "Update dropped" in admin.get(f"{path}?level=warning").text
    assert "No line fits these filters." in admin.get(f"{path}?job=evaluation").text
    assert "of the run" in admin.get(f"{path}?job=nonsense&level=nonsense").text


def test_many_lines_come_in_pages_that_keep_the_filter(admin, factory, training):
    say(factory, training, *(f"line number {number}." for number in range(150)))
    first = admin.get(f"/admin/rounds/{training.id}/log?job=training").text
    assert "line number 149." in first
    assert "line number 49." not in first
    older = first.split("?before=")[1].split('"')[0].replace("&amp;", "&")
    assert older.endswith("&job=training")
    second = admin.get(f"/admin/rounds/{training.id}/log?before={older}").text
    assert "line number 49." in second
    assert "line number 50." not in second
    assert "Drawing chunk" not in second


def test_the_file_has_the_lines_that_fit_oldest_first(admin, factory, training):
    say(factory, training, "the end")
    file = admin.get(f"/admin/rounds/{training.id}/log.txt")
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert 'filename="emoji-preference-1-log.txt"' in file.headers["content-disposition"]
    lines = file.text.splitlines()
    assert lines[0].endswith(" info    chunk 1 try 1 laptop/1: Job begun")
    assert lines[-1].endswith(" info    training 1 try 1 laptop/1: the end")
    assert "    RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB" in lines
    errors = admin.get(f"/admin/rounds/{training.id}/log.txt?level=error").text
    assert "the end" not in errors
    assert "CUDA out of memory" in errors


def test_only_an_admin_reads_it(annotator, researcher, anonymous, training):
    for path in (f"/admin/rounds/{training.id}/log", f"/admin/rounds/{training.id}/log.txt"):
        assert [client.get(path).status_code for client in (annotator, researcher, anonymous)] == [403, 403, 401]


def test_a_round_that_is_not_there_has_none(admin):
    assert admin.get("/admin/rounds/999/log").status_code == 404
    assert admin.get("/admin/rounds/999/log.txt").status_code == 404


def test_more_lines_take_no_more_queries(admin, factory, app, training):
    with counted(app.state.engine) as few:
        admin.get(f"/admin/rounds/{training.id}/log")
    say(factory, training, *(f"line {number}" for number in range(200)))
    with counted(app.state.engine) as many:
        admin.get(f"/admin/rounds/{training.id}/log")
    assert len(many) == len(few)

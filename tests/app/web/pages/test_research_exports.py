"""A study's exports on their page, with and without scripts. What a worker does is written by hand here."""

import re

import pytest

from app.db import transaction
from app.models import Export, Job, JobState, Study
from tests import builders, scenes
from tests.app.web.api.test_exports import written

HTMX = {"HX-Request": "true"}


@pytest.fixture
def study(factory) -> Study:
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
        scenes.labeling_round(session, study, pairs=3, closed=2)
        return study


def page(study: Study) -> str:
    return f"/research/studies/{study.id}/exports"


def job_of(session, export_id: int) -> Job:
    return session.get_one(Job, session.get_one(Export, export_id).job_id)


def ask(client, study: Study, **fields) -> int:
    client.submit(page(study), **{"format": "pickapic", "rounds": "preference", **fields})
    return int(re.findall(r'id="export-(\d+)"', client.get(page(study)).text)[0])


def test_an_export_is_asked_for_watched_and_downloaded(researcher, factory, artifacts, study):
    assert "No export yet" in researcher.get(page(study)).text
    made = ask(researcher, study)
    waiting = researcher.get(page(study), headers=HTMX).text
    assert 'hx-trigger="every 2s"' in waiting
    assert "<html" not in waiting
    with transaction(factory) as session:
        job = job_of(session, made)
        job.state, job.lease_until, job.progress = (
            JobState.RUNNING,
            builders.now(),
            {"done": 2, "total": 8, "unit": "pairs", "per_second": 0.1},
        )
    assert 'value="2" max="8"' in researcher.get(page(study), headers=HTMX).text
    assert "1 min left" in researcher.get(page(study), headers=HTMX).text
    written(factory, artifacts, made)
    done = researcher.get(page(study), headers=HTMX).text
    assert "every 2s" not in done
    assert f'href="/api/v1/exports/{made}/download"' in done
    assert "2 rows" in done


def test_one_is_stopped_written_again_and_removed_by_buttons(researcher, factory, study):
    made = ask(researcher, study)
    assert researcher.submit(f"/research/exports/{made}/stop").headers["location"] == page(study)
    assert "stopped" in researcher.get(page(study)).text
    researcher.submit(f"/research/exports/{made}/again")
    with transaction(factory) as session:
        job = job_of(session, made)
        assert job.state is JobState.WAITING
        job.state, job.error, job.ended_at = JobState.FAILED, "The worker's disk is full.", builders.now()
    assert "disk is full" in researcher.get(page(study)).text
    assert researcher.submit(f"/research/exports/{made}/remove").headers["location"] == page(study)
    assert "No export yet" in researcher.get(page(study)).text


def test_a_format_or_rounds_that_are_none_are_said_and_annotators_see_nothing(researcher, annotator, study):
    assert researcher.submit(page(study), format="xls", rounds="preference").status_code == 422
    assert researcher.submit(page(study), format="csv", rounds="").status_code == 422
    assert annotator.get(page(study)).status_code == 403
    assert researcher.get("/research/studies/999/exports").status_code == 404

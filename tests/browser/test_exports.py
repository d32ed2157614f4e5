"""A study's exports in a real browser: asked for, seen to come without a reload, downloaded."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Export, Job, JobState, Role
from app.services import jobs
from tests import builders, scenes
from tests.browser.looks import LOOKS, picture
from tests.browser.places.exports import exports_in_every_state


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_as_it_is_seen(site, open_as, researcher, look):
    with transaction(site.sessions) as session:
        path = exports_in_every_state(session, site.artifacts, session.merge(researcher))
    page = open_as(researcher, path, **look)
    expect(page.get_by_role("progressbar")).to_be_visible()
    picture(page, "exports")


def test_an_export_is_asked_for_comes_without_a_reload_and_is_downloaded(site, open_as, researcher):
    with transaction(site.sessions) as session:
        study = builders.study(session, name="Emoji")
        scenes.labeling_round(session, study, pairs=3, closed=2)
    page = open_as(researcher, f"/research/studies/{study.id}/exports")
    page.get_by_label("Preferences, CSV").check()
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    with transaction(site.sessions) as session:
        export = session.scalars(select(Export)).one()
        job = session.get_one(Job, export.job_id)
        stored = site.artifacts.put_bytes(f"studies/{study.id}/exports/{job.id}-1/csv.csv", b"pair,p\n1,0.5\n")
        export.key, export.size, export.sha256, export.rows = stored.key, stored.size, stored.sha256, 1
        jobs.end(job, JobState.DONE)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download export {export.id}").click()
    assert download.value.suggested_filename == f"emoji-csv-{export.id}.csv"
    assert download.value.path().read_bytes() == b"pair,p\n1,0.5\n"

"""Imports in a real browser: as they look, and a file uploaded, seen to come without a reload."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Import, Job, JobState, Role
from app.services import jobs
from tests import builders
from tests.browser.looks import LOOKS, picture
from tests.browser.places.imports import imported_pairs, imports_in_every_state
from tests.importing import parquet_file, row


@pytest.fixture
def admin(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.ADMIN)


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_as_they_are_seen(site, open_as, admin, look):
    with transaction(site.sessions) as session:
        path = imports_in_every_state(session, site.artifacts, session.merge(admin))
        of_round = imported_pairs(session, site.artifacts, admin)
    page = open_as(admin, path, **look)
    expect(page.get_by_role("progressbar")).to_be_visible()
    picture(page, "imports")
    page.goto(of_round)
    expect(page.get_by_role("heading", name="Imported pairs", level=1)).to_be_visible()
    picture(page, "imported-pairs")


def test_a_file_is_uploaded_and_its_end_is_seen_without_a_reload(site, open_as, admin, tmp_path):
    with transaction(site.sessions) as session:
        builders.base_model(session)
    page = open_as(admin, "/admin/imports")
    page.get_by_label("Name of the study").fill("Theirs")
    page.get_by_label("Parquet files").set_input_files(parquet_file(tmp_path / "a.parquet", [row(1)]))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    with transaction(site.sessions) as session:
        made = session.scalars(select(Import)).one()
        jobs.end(session.get_one(Job, made.job_id), JobState.FAILED, error="a.parquet, row 1: nothing in it.")
    expect(page.get_by_text("a.parquet, row 1: nothing in it.")).to_be_visible()
    page.get_by_role("button", name=f"Remove import {made.id}").click()
    expect(page.get_by_text("Nothing imported yet")).to_be_visible()

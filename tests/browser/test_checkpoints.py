"""Checkpoints as they are seen: the list with its line of descent, one of them, and two side by side."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import transaction
from app.models import Job, JobState, Push, Role
from app.services import jobs
from tests import builders, scenes
from tests.browser.looks import LOOKS, picture
from tests.browser.places.research import a_checkpoint, branched


@pytest.fixture
def researcher(site):
    with transaction(site.sessions) as session:
        return builders.user(session, role=Role.RESEARCHER)


@pytest.mark.parametrize("look", LOOKS)
def test_from_the_list_to_two_side_by_side(open_as, researcher, site, look):
    with transaction(site.sessions) as session:
        study = branched(session, site.artifacts)
    page = open_as(researcher, f"/research?study={study.id}", **look)
    picture(page, "checkpoints")
    page.get_by_role("link", name="Checkpoint 2, round 2, from checkpoint 1").click()
    expect(page.get_by_role("heading", name="Checkpoint 2")).to_be_visible()
    picture(page, "checkpoint")
    page.get_by_label("Compare it with").select_option(label="Checkpoint 1, round 1")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Two checkpoints")).to_be_visible()
    expect(page.get_by_text("Checkpoint 2 won")).to_contain_text("67")
    picture(page, "two-checkpoints")


@pytest.mark.parametrize("look", LOOKS)
def test_a_push_to_the_hub_as_it_is_seen(site, open_as, researcher, look):
    with transaction(site.sessions) as session:
        path = a_checkpoint(session, site.artifacts, researcher)
    page = open_as(researcher, path, **look)
    expect(page.get_by_label("Repository")).to_have_value("me/emoji-lora")
    page.locator("#pushes").scroll_into_view_if_needed()
    picture(page, "pushes")
    page.get_by_label("Repository").fill("emoji lora")
    page.get_by_role("button", name="Push it").click()
    expect(page.get_by_text("cannot be the name of a repository")).to_be_visible()
    picture(page, "pushes-refused")


def test_a_push_is_asked_for_and_arrives_without_a_reload(site, open_as, researcher):
    with transaction(site.sessions) as session:
        made = scenes.checkpoint(session, builders.study(session), draws=1, artifacts=site.artifacts)
    page = open_as(researcher, f"/research/checkpoints/{made.id}")
    page.get_by_label("Repository").fill("me/emoji-lora")
    page.get_by_role("button", name="Push it").click()
    part = page.locator("#pushes")
    expect(part.get_by_text("waiting", exact=True)).to_be_visible()
    with transaction(site.sessions) as session:
        push = session.scalars(select(Push)).one()
        job = session.get_one(Job, push.job_id)
        job.state, job.lease_until = JobState.RUNNING, builders.now()
        job.progress = {"done": 2_000_000, "total": 8_000_000, "unit": "bytes", "per_second": 1e6}
    expect(part.get_by_role("progressbar")).to_be_visible()
    picture(page, "pushing")
    with transaction(site.sessions) as session:
        push = session.get_one(Push, push.id)
        push.url, push.commit = "https://huggingface.co/me/emoji-lora", "c" * 40
        jobs.end(session.get_one(Job, push.job_id), JobState.DONE)
    link = part.get_by_role("link", name="me/emoji-lora")
    expect(link).to_have_attribute("href", "https://huggingface.co/me/emoji-lora")
    expect(part.get_by_text("private", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Push it")).to_be_visible()

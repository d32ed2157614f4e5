"""A checkpoint pushed to the hub from its page, with and without scripts. What a worker does is written by hand."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Checkpoint, Job, JobState, Push, Study
from app.settings import Settings
from tests import builders, scenes

HTMX = {"HX-Request": "true"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a token of a hub that no worker ever speaks to."""
    return settings.with_values(hub_token="hf_not_to_be_seen")


@pytest.fixture
def checkpoint(factory, artifacts) -> Checkpoint:
    with transaction(factory) as session:
        return scenes.checkpoint(session, builders.study(session, name="Emoji"), artifacts=artifacts)


def page(checkpoint: Checkpoint) -> str:
    return f"/research/checkpoints/{checkpoint.id}"


def newest(factory) -> Push:
    with transaction(factory) as session:
        return session.scalars(select(Push).order_by(Push.id.desc()).limit(1)).one()


def test_it_is_asked_for_watched_stopped_and_sent_again(researcher, factory, checkpoint):
    before = researcher.get(page(checkpoint)).text
    assert 'name="repo"' in before
    assert "hf_not_to_be_seen" not in before
    answer = researcher.submit(f"{page(checkpoint)}/pushes", repo="me/emoji-lora", provenance="true")
    assert answer.headers["location"] == f"{page(checkpoint)}#pushes"
    made = newest(factory)
    assert (made.repo, made.private, made.provenance) == ("me/emoji-lora", True, True)
    with transaction(factory) as session:
        job = session.get_one(Job, made.job_id)
        job.state, job.lease_until = JobState.RUNNING, builders.now()
        job.progress = {"done": 1_000_000, "total": 4_000_000, "unit": "bytes", "per_second": 1.0}
    part = researcher.get(f"{page(checkpoint)}/pushes", headers=HTMX).text
    assert "<html" not in part
    assert 'hx-trigger="every 2s"' in part
    assert 'value="1000000" max="4000000"' in part
    assert 'name="repo"' not in part
    researcher.submit(f"/research/pushes/{made.id}/stop")
    assert "stopped" in researcher.get(f"{page(checkpoint)}/pushes", headers=HTMX).text
    researcher.submit(f"/research/pushes/{made.id}/again")
    with transaction(factory) as session:
        session.get_one(Job, made.job_id).due_at = builders.now() - timedelta(hours=1)
    assert "waits for a worker of the queue cpu" in researcher.get(page(checkpoint)).text


def test_where_it_has_arrived_is_linked_and_the_next_one_goes_there_too(researcher, factory, artifacts, checkpoint):
    with transaction(factory) as session:
        builders.push(session, checkpoint_id=checkpoint.id, state=JobState.DONE, private=False)
        study = session.get_one(Study, checkpoint.study_id)
        following = scenes.checkpoint(session, study, parent=session.get_one(Checkpoint, checkpoint.id))
    shown = researcher.get(page(checkpoint)).text
    assert '<a href="https://huggingface.co/me/emoji-lora"' in shown
    assert "public" in shown
    assert "every 2s" not in shown
    assert 'name="repo" type="text" value="me/emoji-lora"' in researcher.get(page(following)).text


def test_a_name_that_cannot_be_is_said_beside_the_field_with_what_was_given(researcher, factory, checkpoint):
    answer = researcher.submit(f"{page(checkpoint)}/pushes", repo="emoji <lora>", public="true")
    assert answer.status_code == 422
    assert "cannot be the name of a repository" in answer.text
    assert 'value="emoji &lt;lora&gt;" aria-invalid="true"' in answer.text
    assert 'name="public" type="checkbox" value="true" checked' in answer.text
    assert "Which came from which" in answer.text


def test_without_a_token_the_page_offers_nothing_and_says_how_to_switch_it_on(app, researcher, factory, checkpoint):
    app.state.settings = app.state.settings.with_values(hub_token=None)
    with transaction(factory) as session:
        builders.push(session, checkpoint_id=checkpoint.id, state=JobState.CANCELLED)
    shown = researcher.get(page(checkpoint)).text
    assert "TASTEMAKER_HUB_TOKEN" in shown
    assert 'name="repo"' not in shown
    assert "me/emoji-lora" in shown
    assert "/again" not in shown
    assert researcher.submit(f"{page(checkpoint)}/pushes", repo="me/x").status_code == 409


def test_it_is_for_those_who_may_download_and_the_part_leads_to_its_page(annotator, researcher, factory, checkpoint):
    with transaction(factory) as session:
        made = builders.push(session, checkpoint_id=checkpoint.id, state=JobState.FAILED, error="The token is refused.")
    assert annotator.submit(f"{page(checkpoint)}/pushes", repo="me/x").status_code == 403
    assert annotator.submit(f"/research/pushes/{made.id}/again").status_code == 403
    assert researcher.get(f"{page(checkpoint)}/pushes").headers["location"] == f"{page(checkpoint)}#pushes"
    assert "The token is refused." in researcher.get(page(checkpoint)).text

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Hold, Job, JobState, Round, RoundState, RunState, TrainingRun
from tests import builders, scenes

PARTS = (
    "stages",
    "moves",
    "warnings",
    "labeling",
    "put_aside",
    "generation",
    "training",
    "pictures",
    "log",
    "workers",
    "history",
)


def stored(factory, round_: Round) -> Round:
    with transaction(factory) as session:
        return session.get_one(Round, round_.id)


@pytest.fixture
def labeling(factory, artifacts) -> Round:
    with transaction(factory) as session:
        return scenes.labeling_round(session, builders.study(session), pairs=6, closed=2, artifacts=artifacts)


@pytest.fixture
def failed(factory) -> Round:
    """A round whose training blew up."""
    with transaction(factory) as session:
        return scenes.training_round(
            session, builders.study(session), steps=5, run_state=RunState.FAILED, hold=Hold.FAILED,
            hold_reason="The loss is not finite at step 5.",
        )  # fmt: skip


def test_the_page_shows_where_a_round_in_labeling_stands(admin, labeling):
    page = admin.get(f"/admin/rounds/{labeling.id}")
    assert page.status_code == 200
    for words in ("2 of 14 pairs", "6 of 14 groups", "Train now", "Ada", "pictures a second", "labeling begins"):
        assert words in page.text
    assert page.text.count("/i/") == 12
    assert f"/live/rounds/{labeling.id}" in page.text


def test_the_page_of_a_training_shows_curves_that_need_no_script(admin, factory):
    with transaction(factory) as session:
        round_ = scenes.training_round(session, builders.study(session), steps=60, of=120)
    page = admin.get(f"/admin/rounds/{round_.id}").text
    assert "step 60 of 120" in page
    assert page.count("<svg") == 6 + 4
    assert "Past the clamp" in page
    assert " style=" not in page


def test_a_round_that_failed_says_why_and_offers_what_helps(admin, failed):
    page = admin.get(f"/admin/rounds/{failed.id}").text
    for words in ("The loss is not finite at step 5.", "Retry", "Train with other settings"):
        assert words in page


@pytest.mark.parametrize("state", list(RoundState))
def test_every_state_has_its_page_and_a_final_one_asks_for_nothing_more(admin, factory, state):
    with transaction(factory) as session:
        round_ = builders.round_(session, state=state)
    page = admin.get(f"/admin/rounds/{round_.id}")
    assert page.status_code == 200
    final = state in (RoundState.COMPLETE, RoundState.CANCELLED)
    assert ("hx-trigger" in page.text) is not final
    assert ("/live/rounds/" in page.text) is not final


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_fragment_that_replaces_itself(admin, labeling, part):
    whole = admin.get(f"/admin/rounds/{labeling.id}?part={part}")
    alone = admin.get(f"/admin/rounds/{labeling.id}?part={part}", headers={"HX-Request": "true"})
    assert whole.headers["vary"] == alone.headers["vary"] == "HX-Request"
    assert "<html" in whole.text
    assert "<html" not in alone.text
    assert alone.text.count(f'id="round-{part}"') == 1
    assert f'hx-get="/admin/rounds/{labeling.id}?part={part}"' in alone.text


def test_an_unknown_part_is_not_found(admin, labeling):
    assert admin.get(f"/admin/rounds/{labeling.id}?part=all", headers={"HX-Request": "true"}).status_code == 404


def test_pause_and_resume_are_forms_that_lead_back(admin, factory, labeling):
    answer = admin.submit(f"/admin/rounds/{labeling.id}/pause")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/rounds/{labeling.id}")
    assert stored(factory, labeling).hold is Hold.PAUSED
    assert "Paused: no pairs are dealt" in admin.get(f"/admin/rounds/{labeling.id}").text
    admin.submit(f"/admin/rounds/{labeling.id}/resume")
    assert stored(factory, labeling).hold is Hold.NONE


def test_train_now_freezes_the_choices_and_starts_a_run(admin, factory, labeling):
    admin.submit(f"/admin/rounds/{labeling.id}/advance")
    assert stored(factory, labeling).state is RoundState.TRAINING
    with transaction(factory) as session:
        assert session.scalars(select(TrainingRun)).one().state is RunState.WAITING


def test_cancelling_asks_first_and_then_ends_the_round(admin, factory, labeling):
    assert "Cancel this round for good?" in admin.get(f"/admin/rounds/{labeling.id}").text
    admin.submit(f"/admin/rounds/{labeling.id}/cancel")
    assert stored(factory, labeling).state is RoundState.CANCELLED


def test_a_move_that_the_state_does_not_offer_is_refused_and_not_shown(admin, factory, labeling):
    assert "/retry" not in admin.get(f"/admin/rounds/{labeling.id}").text
    refused = admin.submit(f"/admin/rounds/{labeling.id}/retry")
    assert refused.status_code == 409
    assert "cannot retry" in refused.text
    assert admin.submit(f"/admin/rounds/{labeling.id}/explode").status_code == 422


def test_other_settings_start_a_run_on_the_same_frozen_set(admin, factory, failed):
    answer = admin.submit(f"/admin/rounds/{failed.id}/retry_with", **{"training.learning_rate": "0.00001"})
    assert answer.status_code == 303
    with transaction(factory) as session:
        before, after = session.scalars(select(TrainingRun).order_by(TrainingRun.number)).all()
    assert after.training_set_id == before.training_set_id
    assert after.settings == {**before.settings, "learning_rate": 0.00001}
    assert stored(factory, failed).hold is Hold.NONE


def test_settings_that_cannot_be_used_come_back_with_the_reason(admin, factory, failed):
    refused = admin.submit(f"/admin/rounds/{failed.id}/retry_with", **{"training.learning_rate": "7"})
    assert refused.status_code == 422
    assert "less than or equal to 1" in refused.text
    assert 'value="7"' in refused.text
    with transaction(factory) as session:
        assert len(session.scalars(select(TrainingRun)).all()) == 1


def test_other_roles_neither_watch_nor_move(annotator, researcher, anonymous, factory, labeling):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(f"/admin/rounds/{labeling.id}").status_code == status
        assert client.get(f"/live/rounds/{labeling.id}").status_code == status
    assert researcher.submit(f"/admin/rounds/{labeling.id}/cancel").status_code == 403
    assert stored(factory, labeling).state is RoundState.LABELING


def test_a_round_that_is_not_there_is_not_found(admin):
    assert admin.get("/admin/rounds/999").status_code == 404
    assert admin.get("/live/rounds/999").status_code == 404


def test_a_chunk_that_was_put_aside_says_why_and_is_drawn_again(admin, factory, labeling):
    with transaction(factory) as session:
        one, other = (scenes.failed_chunk(session, labeling, error=f"The disk {n} is full.") for n in "ab")
    page = admin.get(f"/admin/rounds/{labeling.id}").text
    for words in ("2 chunks were put aside", "6 groups could not be drawn", "The disk a is full.", "Groups 5 to 7"):
        assert words in page
    assert f"/admin/rounds/{labeling.id}/log?job={one.id}" in page
    assert admin.submit(f"/admin/rounds/{labeling.id}/redraw", job=str(one.id)).status_code == 303
    with transaction(factory) as session:
        drawn, left = (session.get_one(Job, job.id) for job in (one, other))
    assert (drawn.state, drawn.failures, drawn.error) == (JobState.WAITING, 0, None)
    assert left.state is JobState.FAILED
    page = admin.get(f"/admin/rounds/{labeling.id}").text
    assert "1 chunk was put aside" in page
    assert "Draw all of them again" not in page
    assert "had a job tried again" in page


def test_all_that_was_put_aside_is_drawn_again_at_once(admin, factory, labeling):
    with transaction(factory) as session:
        aside = [scenes.failed_chunk(session, labeling, error="The disk is full.").id for _ in range(3)]
    admin.submit(f"/admin/rounds/{labeling.id}/redraw")
    with transaction(factory) as session:
        assert {session.get_one(Job, number).state for number in aside} == {JobState.WAITING}
    assert "put aside</p>" not in admin.get(f"/admin/rounds/{labeling.id}").text


def test_a_round_in_training_goes_on_without_what_was_put_aside(admin, factory):
    with transaction(factory) as session:
        round_ = scenes.training_round(session, builders.study(session), steps=3)
        job = scenes.failed_chunk(session, round_, error="The disk is full.")
    page = admin.get(f"/admin/rounds/{round_.id}").text
    assert "The round goes on without them." in page
    assert "/redraw" not in page
    refused = admin.submit(f"/admin/rounds/{round_.id}/redraw", job=str(job.id))
    assert refused.status_code == 409
    assert "goes on without the groups" in refused.text


def test_only_a_chunk_of_the_round_itself_is_drawn_again(admin, factory, labeling):
    with transaction(factory) as session:
        elsewhere = scenes.failed_chunk(session, builders.round_(session), error="The disk is full.")
    assert admin.submit(f"/admin/rounds/{labeling.id}/redraw", job=str(elsewhere.id)).status_code == 404
    with transaction(factory) as session:
        assert session.get_one(Job, elsewhere.id).state is JobState.FAILED

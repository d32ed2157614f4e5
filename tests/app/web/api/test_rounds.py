import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Answer, Hold, Job, JobState, Round, RoundState, RunState, TrainingRun
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, checkpoint, comparison, judged


@pytest.fixture
def labeling(factory) -> Round:
    with transaction(factory) as session:
        return scenes.labeling_round(session, builders.study(session), pairs=6, closed=2)


def test_a_round_tells_how_far_it_is_and_what_it_offers(researcher, labeling):
    shown = researcher.call("GET", f"/rounds/{labeling.id}").json()
    assert (shown["state"], shown["hold"], shown["pairs"], shown["pairs_closed"]) == ("labeling", "none", 14, 2)
    assert shown["moves"] == ["advance", "cancel", "pause"]


def test_pause_resume_and_cancel(admin, labeling):
    path = f"/rounds/{labeling.id}"
    assert admin.call("POST", f"{path}/pause").json()["hold"] == "paused"
    assert admin.call("POST", f"{path}/resume").json()["hold"] == "none"
    assert admin.call("POST", f"{path}/cancel").json()["state"] == "cancelled"
    refused = admin.call("POST", f"{path}/pause")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")


def test_advance_starts_training_with_the_choices_there_are(admin, labeling):
    assert admin.call("POST", f"/rounds/{labeling.id}/advance").json()["state"] == "training"


def test_retry_goes_on_and_with_settings_starts_another_run(admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        round_ = scenes.training_round(
            session, study, steps=3, run_state=RunState.FAILED, hold=Hold.FAILED, hold_reason="It blew up."
        )
    refused = admin.call("POST", f"/rounds/{round_.id}/retry", json={"training": {"learning_rate": 9}})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["training.learning_rate"])
    again = admin.call("POST", f"/rounds/{round_.id}/retry", json={"training": {"learning_rate": 1e-6}})
    assert (again.status_code, again.json()["hold"]) == (200, "none")
    with transaction(factory) as session:
        runs = session.scalars(select(TrainingRun).order_by(TrainingRun.number)).all()
    assert [run.settings["learning_rate"] for run in runs][-1] == 1e-6


@pytest.mark.parametrize("move", ["pause", "resume", "advance", "cancel", "retry"])
def test_only_an_admin_moves_a_round(researcher, annotator, factory, labeling, move):
    for client in (researcher, annotator):
        assert client.call("POST", f"/rounds/{labeling.id}/{move}").status_code == 403
    with transaction(factory) as session:
        assert session.get_one(Round, labeling.id).state is RoundState.LABELING


def test_a_move_without_the_csrf_token_is_refused(admin, labeling):
    assert admin.post(f"/api/v1/rounds/{labeling.id}/pause").status_code == 403


def test_an_unknown_round_is_not_found(admin):
    assert admin.call("GET", "/rounds/999").status_code == 404
    assert admin.call("POST", "/rounds/999/pause").status_code == 404


def test_a_comparison_tells_its_result(researcher, admin, factory):
    with transaction(factory) as session:
        study = builders.study(session)
        round_ = comparison(session, study, checkpoint(session, study).id, None)
        judged(session, round_, ONE, ONE, OTHER, Answer.TIE, Answer.SKIP)
        preference = builders.round_(session, study_id=study.id)
    found = researcher.call("GET", f"/rounds/{round_.id}/comparison").json()
    told = {name: found[name] for name in ("policy", "other_policy", "wins", "other_wins", "ties", "skips", "rate")}
    assert told == {
        "policy": 1, "other_policy": None, "wins": 2, "other_wins": 1, "ties": 1, "skips": 1, "rate": 0.625
    }  # fmt: skip
    assert (found["verdict"], found["more"], found["sampler"]) == ("open", 58, "study")
    assert found["low"] < 0.5 < found["high"]
    assert researcher.call("GET", f"/rounds/{preference.id}/comparison").status_code == 404
    assert researcher.call("GET", f"/rounds/{round_.id}").json()["sampler"] == "study"


def test_what_was_put_aside_is_drawn_again(admin, researcher, factory, labeling):
    with transaction(factory) as session:
        aside = [scenes.failed_chunk(session, labeling, error="no").id for _ in range(3)]
    path = f"/rounds/{labeling.id}/redraw"
    assert researcher.call("POST", path).status_code == 403
    assert admin.call("POST", path, json={"job": aside[0]}).status_code == 200
    assert states(factory, aside) == [JobState.WAITING, JobState.FAILED, JobState.FAILED]
    assert admin.call("POST", path, json={"job": aside[0]}).status_code in (404, 409)
    assert admin.call("POST", path).json()["id"] == labeling.id
    assert states(factory, aside) == [JobState.WAITING] * 3


def states(factory, job_ids: list[int]) -> list[JobState]:
    with transaction(factory) as session:
        return [session.get_one(Job, job_id).state for job_id in job_ids]


def test_a_complete_round_is_trained_once_more(admin, researcher, factory, labeling):
    path = f"/rounds/{labeling.id}/train-again"
    assert researcher.call("POST", path).status_code == 403
    assert admin.call("POST", path).status_code == 409
    with transaction(factory) as session:
        round_ = session.get_one(Round, labeling.id)
        round_.state, round_.ended_at = RoundState.COMPLETE, builders.now()
    assert admin.call("POST", path).status_code == 200
    with transaction(factory) as session:
        [run] = session.scalars(select(TrainingRun).where(TrainingRun.round_id == labeling.id))
        assert run.state is RunState.WAITING

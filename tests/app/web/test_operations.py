from datetime import timedelta

from app.db import transaction
from app.models import JobState
from tests import builders

NOBODY_ANSWERS = "redis://127.0.0.1:9/0"


def test_a_process_that_answers_is_alive(anonymous):
    assert anonymous.get("/healthz").text == "ok\n"


def test_a_site_with_its_servers_is_ready(anonymous):
    answer = anonymous.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "broker": "ok"})


def test_a_broker_that_is_away_is_named(app, anonymous):
    app.state.settings = app.state.settings.with_values(broker_url=NOBODY_ANSWERS)
    answer = anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "ok"
    assert answer.json()["broker"] != "ok"


def test_metrics_count_by_state_with_zeros(anonymous, factory):
    with transaction(factory) as session:
        builders.job(session)
        builders.job(session, state=JobState.DONE)
        builders.worker(session)
    lines = anonymous.get("/metrics").text.splitlines()
    assert 'tastemaker_jobs{state="waiting"} 1' in lines
    assert 'tastemaker_jobs{state="failed"} 0' in lines
    assert 'tastemaker_workers{queue="accelerator"} 1' in lines
    assert "# TYPE tastemaker_rounds gauge" in lines


def test_a_worker_that_is_silent_is_not_counted(anonymous, factory):
    with transaction(factory) as session:
        builders.worker(session, seen_at=builders.now() - timedelta(minutes=2))
    assert 'tastemaker_workers{queue="accelerator"} 0' in anonymous.get("/metrics").text

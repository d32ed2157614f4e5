"""The API is held against its own description by schemathesis, on the real site with a real PostgreSQL.

Every operation is sent what its description allows and what it forbids, with a token that may do anything: no answer
may be a fault of ours, an undocumented status or another shape, nothing forbidden may be taken and nothing allowed
refused. The usual run sends a few thousand requests, always the same ones; the slow one many more, also in sequences.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import transaction
from app.main import create_app
from app.models import JobState, Role, User
from app.services import imports, personal_tokens, scopes
from app.settings import Settings, activate
from tests import builders, scenes

CALLER = 7_000_001  # an id that no request hits by chance
PHASES = "examples,coverage,fuzzing"

# what is tried on the caller itself would end the run: it is undone within the same statement
KEEP_THE_CALLER = f"""
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE TRIGGER keep_user BEFORE UPDATE ON users FOR EACH ROW
  WHEN (OLD.id = {CALLER} AND (NEW.role <> 'admin' OR NEW.disabled_at IS NOT NULL)) EXECUTE FUNCTION keep();
CREATE TRIGGER keep_token BEFORE UPDATE ON api_tokens FOR EACH ROW
  WHEN (OLD.user_id = {CALLER} AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION keep();
"""

CONFIG = """
seed = 1
continue-on-failure = true
request-timeout = 60
headers = {{ Authorization = "Bearer {token}" }}

[generation]
database = "none"

[checks]
max_response_time = 60  # a busy machine is slow, not wrong

# links between operations are guessed from names there, and lead a null of one answer into another's address
[phases.stateful.checks]
positive_data_acceptance.enabled = false

[dictionaries.ids]
values = [1, 2, 3]

[parameters]
{ids}

[[operations]]
include-operation-id = {ruled}
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 410, 422, 429]
"""
# their input is ruled by more than a schema can say: what fits it may still be refused with a 422 that says why
RULED = ("get_payments", "get_evaluation_grid")  # and whatever takes a body
IDS = (
    "study_id",
    "round_id",
    "checkpoint_id",
    "sample_id",
    "pair_id",
    "export_id",
    "import_id",
    "push_id",
    "webhook_id",
    "prompt_set_id",
    "model_id",
    "check_id",
    "user_id",
)


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The site, able to write e-mail and to be asked for webhooks and pushes, which no worker sends."""
    able = {"smtp_host": "127.0.0.1", "mail_from": "Tastemaker <us@taste.example>", "webhook_private": True}
    able |= {"hub_token": "none of the hub's", "hub_endpoint": "http://127.0.0.1:9"}
    app = create_app(settings.with_values(local_admin=False, **able))
    yield app
    app.state.engine.dispose()


@pytest.fixture
def token(app: FastAPI) -> str:
    """The token of an admin whom nothing removes, in a house where there is something of everything."""
    with transaction(app.state.session_factory) as session:
        fill(session, app)
        user = builders.user(session, role=Role.ADMIN, id=CALLER, email="ada@example.org", email_verified=True)
        token = make_token(session, user)
        session.execute(text(KEEP_THE_CALLER))
    return token


def fill(session: Session, app: FastAPI) -> None:
    study = scenes.open_study(session, app.state.artifacts)
    made = scenes.checkpoint(session, study, artifacts=app.state.artifacts)
    builders.push(session, checkpoint_id=made.id, state=JobState.FAILED, error="The hub does not answer.")
    scenes.checkpoint(session, study, parent=made, artifacts=app.state.artifacts)
    scenes.busy_house(session, app.state.artifacts)
    scenes.registry(session, app.state.artifacts)
    imports.ask(session, format_name="paper", name="Theirs", source={"name": "hands"}, actor=None)
    builders.delivery(session, webhook_id=builders.webhook(session).id)
    for role in (Role.ANNOTATOR, Role.RESEARCHER):
        builders.user(session, role=role)


def make_token(session: Session, user: User) -> str:
    everything = scopes.of_role(user)
    return personal_tokens.make(session, user=user, name="Test", wanted=everything, days=1, actor=None)[1]


def takes_a_body(app: FastAPI) -> list[str]:
    operations = [one for methods in app.openapi()["paths"].values() for one in methods.values()]
    return [one["operationId"] for one in operations if "requestBody" in one]


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application on a free port, without its sweep."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def hold_against_its_description(app: FastAPI, token: str, folder: Path, *, phases: str, examples: int) -> None:
    """Run schemathesis with all its checks; fails with what it found."""
    ids = "\n".join(f'"path.{name}" = {{ dictionary = "ids", probability = 0.6 }}' for name in IDS)
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(token=token, ids=ids, ruled=[*RULED, *takes_a_body(app)]))
    with activate(app.state.settings), serving(app) as site:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        # All checks are on unless said otherwise; "--checks all" would outdo what the file says of the links.
        command += [f"{site}/api/v1/openapi.json", "--phases", phases, "-n", str(examples)]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Tested: " in run.stdout


def test_the_api_is_as_its_description_says(app, token, tmp_path):
    hold_against_its_description(app, token, tmp_path, phases=PHASES, examples=3)


@pytest.mark.slow
def test_the_api_is_as_its_description_says_over_many_requests(app, token, tmp_path):
    hold_against_its_description(app, token, tmp_path, phases=f"{PHASES},stateful", examples=100)

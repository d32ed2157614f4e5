"""What a worker says while it works on a job is kept for the job, and nothing of that fails or holds up the job."""

from pathlib import Path

import pytest
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from app.db import transaction
from app.errors import Refused
from app.models import Job, JobKind, JobState, LogLevel, Round
from app.services import job_logs
from app.services.job_logs import Line, Wanted
from app.settings import Settings
from tests.worker import rooms
from tests.worker.processes import running, wait_until
from worker import job_log, saying
from worker.attempt import Attempt
from worker.tasks import run

log = structlog.get_logger(__name__)


def lines_of(round_: Round) -> list[Line]:
    with transaction() as session:
        return job_logs.oldest_first(session, round_.id, Wanted())


def messages(round_: Round) -> list[str]:
    return [line.message for line in lines_of(round_)]


def waiting_for_a_lock() -> int:
    """How many sessions of the test's database wait for a lock."""
    waits = (
        select(func.count())
        .select_from(text("pg_stat_activity"))
        .where(text("datname = current_database() AND wait_event_type = 'Lock'"))
    )
    with transaction() as session:
        return session.scalar(waits) or 0


def talking(*, lines: int, then: Exception | None = None):  # type: ignore[no-untyped-def]
    """A task that says so many things and then ends, or fails."""

    def work(held: Attempt) -> None:
        for number in range(lines):
            log.info("at_work", number=number)
        if then is not None:
            raise then

    return work


def test_a_round_tells_of_chunks_training_and_evaluation(active: Settings, demo_model: Path) -> None:
    round_ = rooms.begin_training(rooms.make_study(demo_model, sampling={"groups": 3}))
    rooms.work_off()

    lines = lines_of(round_)
    told = {kind: [line.message for line in lines if line.kind is kind] for kind in JobKind}
    first = [line.message for line in lines if (line.kind, line.number) == (JobKind.CHUNK, 1)]
    assert first[0] == "Job begun"
    assert "Drawing chunk groups=1 samples=2 batch=4 steps=3 policy=base" in first
    assert any(said.startswith("Chunk stored samples=2 seconds=") for said in first)
    assert first[-1] == "Job done"
    training = told[JobKind.TRAINING]
    assert any(said.startswith("Training run=1 pairs=3 steps=3 learning rate=0.001") for said in training)
    for said in ("Checks passed", "Step step=3 of=3 loss=", "Checkpoint stored"):
        assert any(message.startswith(said) for message in training), said
    assert any(said.startswith("Evaluation pictures stored pictures=") for said in told[JobKind.EVALUATION])
    assert {(line.worker, line.level) for line in lines} == {("here", LogLevel.INFO)}


def test_a_job_that_fails_ends_with_its_traceback_and_the_plain_message(active: Settings, demo_model: Path) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model))
    secret = "hidden in a local variable"

    def fails(held: Attempt) -> None:
        assert secret
        raise ValueError("No such file: /srv/private/weights/unet.bin\nand more")

    rooms.work_off(fails, most=1)

    begun, trace, plain = lines_of(round_)
    assert begun.message == "Job begun"
    assert trace.level is plain.level is LogLevel.ERROR
    assert trace.message.startswith("Job failed\n")
    assert "  tests/worker/test_job_log.py:" in trace.message
    assert " in fails\n    raise ValueError(" in trace.message
    assert trace.message.endswith("\nValueError: No such file: …/unet.bin")
    assert plain.message.startswith("Tried again later: An unexpected error: ValueError: No such file: …/unet.bin.")
    assert secret not in trace.message


def test_a_job_that_is_given_up_says_so_and_its_next_tries_go_on_in_the_same_log(
    active: Settings, demo_model: Path
) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model))
    rooms.work_off(talking(lines=0, then=RuntimeError("once")), most=1)
    rooms.make_due()
    rooms.work_off(talking(lines=1, then=Refused("Other weights.", "Put them back.")), most=1)

    told = [(line.attempt, line.message.partition("\n")[0]) for line in lines_of(round_)]
    assert [attempt for attempt, _ in told] == [1, 1, 1, 2, 2, 2, 2]
    assert told[-3:] == [(2, "At work number=0"), (2, "Job failed"), (2, "Given up: Other weights. Put them back.")]


def test_of_too_much_at_once_the_oldest_is_left_out_and_counted(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_log, "MOST_WAITING", 5)
    monkeypatch.setattr(job_log, "SECONDS_BETWEEN", 60)
    round_ = rooms.launch(rooms.make_study(demo_model))
    rooms.work_off(talking(lines=20), most=1)
    told = messages(round_)
    assert told[0] == "17 lines before this one were left out: too many at once"
    assert told[1:] == [f"At work number={number}" for number in (16, 17, 18, 19)] + ["Job done"]


def test_a_log_that_cannot_be_stored_fails_no_job_and_is_stored_later(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_log, "SECONDS_BETWEEN", 0.01)
    store = job_logs.store
    refused: list[object] = []

    def away_at_first(*args: object, **named: object) -> None:
        if len(refused) < 3:
            refused.append(args)
            raise OperationalError("INSERT", {}, Exception("the server is away"))
        store(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(job_logs, "store", away_at_first)
    round_ = rooms.launch(rooms.make_study(demo_model))

    def waits(held: Attempt) -> None:
        log.info("before")
        wait_until(lambda: len(refused) == 3, [])
        run(held)

    (claim,) = rooms.work_off(waits, most=1)

    with transaction() as session:
        assert session.get_one(Job, claim.job_id).state is JobState.DONE
    told = messages(round_)
    assert told[:2] == ["Job begun", "Before"]
    assert told[-1] == "Job done"
    assert len(told) == len(set(told))


def test_saying_something_waits_for_no_database(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines go into memory; that they cannot be written for the moment holds nothing up."""
    monkeypatch.setattr(job_log, "SECONDS_BETWEEN", 0.01)
    round_ = rooms.launch(rooms.make_study(demo_model))

    def says(held: Attempt) -> None:
        with transaction() as session:
            session.execute(select(Job).with_for_update())  # what the lines' foreign key has to wait for
            log.info("while_locked")
            wait_until(lambda: waiting_for_a_lock() > 0, [])
            for number in range(50):
                log.info("at_work", number=number)
            assert "While locked" not in messages(round_)

    rooms.work_off(says, most=1)
    assert messages(round_)[1:3] == ["While locked", "At work number=0"]


def test_what_a_killed_worker_said_stays_and_the_next_try_goes_on(
    active: Settings, demo_model: Path, tmp_path: Path
) -> None:
    round_ = rooms.launch(rooms.make_study(demo_model, sampling={"steps": 400}))
    with running(active, "shaky", tmp_path) as worker:
        wait_until(lambda: any(line.attempt == 1 for line in lines_of(round_)), [worker])
        before = lines_of(round_)
        worker.child().kill()
        wait_until(lambda: any(line.attempt == 2 for line in lines_of(round_)), [worker])
        assert worker.ends() == 0
    after = lines_of(round_)
    assert after[: len(before)] == before
    assert before[0].message == "Job begun"
    assert next(line.message for line in after if line.attempt == 2) == "Job begun"
    assert after[-1].message == "Job stopped"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "resume_point_stored", "step": 20}, "Resume point stored step=20"),
        ({"event": "step", "loss": 0.693147, "learning_rate": 1e-5}, "Step loss=0.6931 learning rate=1e-05"),
        ({"event": "away", "reason": "no answer\n[SQL: secret]"}, "Away: no answer"),
        ({"event": "seen", "api_token": "abc"}, "Seen api token=…"),
        ({"event": "asked", "url": "https://me:pass@host/a/b"}, "Asked url=https://…@host/a/b"),
        ({"event": "read", "file": "/home/me/models/unet.bin"}, "Read file=…/unet.bin"),
        ({"event": "kept", "file": "studies/1/rounds/2/a.png"}, "Kept file=studies/1/rounds/2/a.png"),
        ({"event": "read", "file": "C:\\Users\\me\\unet.bin"}, "Read file=…/unet.bin"),
        ({"event": "long", "ids": "9" * 600}, f"Long ids={'9' * 500}…"),
    ],
)
def test_a_line_is_a_plain_message_without_secrets_and_folders(event: dict[str, object], said: str) -> None:
    assert saying.message(event) == said

"""The client at work in front of the real site."""

import hashlib
import io
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import transaction
from app.models import Checkpoint as CheckpointRow
from app.models import Choice, Export, Job, JobState, Pair, RoundState, Sample, Study
from app.models import Push as PushRow
from app.models import Role as Who
from app.services import jobs, personal_tokens
from app.services.scopes import Scope
from tastemaker.client import (
    BadInput,
    Client,
    Conflict,
    Damaged,
    ExportFailed,
    Forbidden,
    NotFound,
    NotSignedIn,
    PushFailed,
    Refused,
    Shown,
    Unreachable,
)
from tastemaker.client.shapes import Answer
from tests import builders, scenes
from tests.browser.conftest import Site
from tests.tastemaker.conftest import token

As = Callable[..., Client]


@pytest.fixture
def study(site: Site) -> Study:
    """Three pairs that wait, pictures and all."""
    with transaction(site.sessions) as session:
        return scenes.open_study(session, site.artifacts)


@pytest.fixture
def checkpoint(site: Site) -> CheckpointRow:
    with transaction(site.sessions) as session:
        return scenes.checkpoint(session, builders.study(session, name="Emoji"), artifacts=site.artifacts)


def test_a_token_is_its_owner_s_and_a_wrong_one_is_nobody_s(site: Site, as_: As) -> None:
    assert as_(Who.RESEARCHER).me().role == "researcher"
    with (
        Client(site.url, "wrong") as nobody,
        pytest.raises(NotSignedIn, match="needs someone who is signed in") as caught,
    ):
        nobody.me()
    assert caught.value.status == 401


def test_a_study_is_made_once_changed_and_found_in_all_pages(site: Site, as_: As, tmp_path: Path) -> None:
    admin = as_(Who.ADMIN)
    wanted: dict[str, Any] = {
        "question": "Which?", "base_model": "demo/model", "preset": "demo", "key": "one",
        "prompts": ["cat face", {"text": "owl", "split": "eval", "weight": 2}],
    }  # fmt: skip
    made = admin.studies.create("Emoji", **wanted)
    assert admin.studies.create("Emoji", **wanted).id == made.id
    assert [(prompt.text, prompt.split) for prompt in made.prompts] == [("cat face", "both"), ("owl", "eval")]
    assert made.model.family == "sd1"
    assert admin.studies.change(made.id, question="Which is livelier?").question == "Which is livelier?"
    assert admin.studies.change_labeling(made.id, choices_per_pair=3).settings["labeling"]["choices_per_pair"] == 3
    with pytest.raises(BadInput, match="choices_per_pair") as caught:
        admin.studies.change_labeling(made.id, choices_per_pair=-1)
    assert "choices_per_pair" in " ".join(caught.value.fields)
    again = admin.studies.create_from_file(admin.studies.file(made.id).replace("Emoji", "From its file"))
    copy = admin.studies.copy(made.id, "A copy", seed=7)
    assert (again.name, copy.seed) == ("From its file", 7)
    admin.studies.archive(copy.id)
    assert [found.id for found in admin.studies.all()] == [again.id, made.id]
    assert admin.studies.unarchive(copy.id).archived_at is None
    assert admin.studies.estimate(preset="demo").pairs == 40
    (model,) = admin.base_models.all()
    assert model.source.endswith("demo/model")
    with pytest.raises(Forbidden, match="lacks the scope studies"):
        as_(Who.RESEARCHER).studies.archive(made.id)


def test_a_round_is_launched_moved_and_watched(site: Site, as_: As) -> None:
    admin = as_(Who.ADMIN)
    made = admin.studies.create("Emoji", question="Which?", base_model="demo/model", prompts=["owl"], preset="demo")
    round_ = admin.rounds.launch(made.id, pairs=4, key="first")
    assert (round_.state, round_.groups, admin.rounds.launch(made.id, key="first").id) == ("generating", 4, round_.id)
    with pytest.raises(Conflict, match="is open already"):
        admin.rounds.launch(made.id)
    assert admin.rounds.pause(round_.id).hold == "paused"
    assert admin.rounds.wait(round_.id, timeout=1).hold == "paused"
    assert "resume" in admin.rounds.get(round_.id).moves
    assert admin.rounds.resume(round_.id).hold == "none"
    with pytest.raises(TimeoutError, match="generating"):
        admin.rounds.wait(round_.id, timeout=0.2, every=0.1)
    assert admin.rounds.cancel(round_.id).state == "cancelled"
    assert next(admin.events(study=made.id, kind="rounds")).what == "round.cancel"
    with pytest.raises(NotFound, match="training run"):
        admin.rounds.metrics(round_.id)


def test_metrics_of_a_run_come_whole_and_a_comparison_is_read(
    site: Site, as_: As, study: Study, tmp_path: Path
) -> None:
    with transaction(site.sessions) as session:
        round_ = scenes.training_round(session, study, steps=620, state=RoundState.COMPLETE, ended_at=builders.now())
    reading = as_(Who.RESEARCHER)
    measured = reading.rounds.metrics(round_.id)  # two pages of 500
    assert [step["step"] for step in measured.steps] == list(range(1, 621))
    assert (measured.run.number, measured.steps[0]["accuracy"]) in ((1, 0.0), (1, 1.0))
    events = reading.rounds.tensorboard(round_.id, tmp_path / "runs")
    assert "tfevents" in events.name
    assert zipfile.is_zipfile(reading.studies.tensorboard(study.id, tmp_path))
    with pytest.raises(Refused, match="preference round"):
        reading.rounds.comparison(round_.id)


def test_a_checkpoint_is_found_described_and_downloaded_in_each_format(
    site: Site, as_: As, checkpoint: CheckpointRow, tmp_path: Path
) -> None:
    reading = as_(Who.RESEARCHER)
    (listed,) = reading.checkpoints.all(study=checkpoint.study_id, current=True)
    assert listed.number == 1
    for format, ending in (("diffusers", "safetensors"), ("kohya", "safetensors"), ("peft", "zip")):
        seen: list[tuple[int, int]] = []

        def note(done: int, total: int, seen: list[tuple[int, int]] = seen) -> None:
            seen.append((done, total))

        path = reading.checkpoints.download(listed.id, tmp_path / "loras", format=format, on_progress=note)
        stored = checkpoint.files[format]
        assert path.name == f"study-{checkpoint.study_id}-checkpoint-1-{format}.{ending}"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == stored["sha256"]
        assert seen[-1] == (stored["size"], stored["size"])
        reading.checkpoints.download(listed.id, tmp_path / "loras", format=format, on_progress=pytest.fail)  # kept
    assert {file.suffix for file in (tmp_path / "loras").iterdir()} == {".safetensors", ".zip"}
    assert reading.checkpoints.get(listed.id).training_set_sha256
    assert "license" in reading.checkpoints.card(listed.id)
    with pytest.raises(NotFound, match="no file onnx; it has diffusers"):
        reading.checkpoints.download(listed.id, tmp_path, format="onnx")  # type: ignore[arg-type]


def test_a_download_that_broke_off_goes_on_and_what_was_changed_on_the_way_is_refused(
    site: Site, as_: As, checkpoint: CheckpointRow, tmp_path: Path
) -> None:
    stored = checkpoint.files["kohya"]
    content = site.artifacts.get_bytes(stored["key"])
    half = len(content) // 2
    own = token(site, Who.RESEARCHER)
    with breaking(site, after=[half, half // 2, 0]) as (url, ranges), Client(url, own) as reading:
        path = reading.checkpoints.download(checkpoint.id, tmp_path, format="kohya")
    assert path.read_bytes() == content
    assert ranges == [None, f"bytes={half}-", f"bytes={half + half // 2}-", f"bytes={half + half // 2}-"]
    path.unlink()
    part = tmp_path / f"{path.name}.{stored['sha256'][:8]}.part"
    part.write_bytes(b"?" + content[1:half])
    with pytest.raises(Damaged, match="SHA-256 is another"):
        as_(Who.RESEARCHER).checkpoints.download(checkpoint.id, tmp_path, format="kohya")
    assert list(tmp_path.iterdir()) == []


def test_preferences_come_row_by_row_and_as_files(site: Site, as_: As, tmp_path: Path) -> None:
    with transaction(site.sessions) as session:
        made = builders.study(session)
        scenes.labeling_round(session, made, pairs=6, closed=4)
    reading = as_(Who.RESEARCHER)
    rows = list(reading.preferences.rows(made.id))
    assert [(row["round_number"], len(row["choices"])) for row in rows] == [(1, 1)] * 4
    choices = list(reading.preferences.rows(made.id, table="choices"))
    assert {row["answer"] for row in choices} <= {"first", "second", "tie", "both_bad"}
    table = pyarrow.parquet.read_table(reading.preferences.save(made.id, tmp_path / "said.parquet", table="choices"))
    assert table.num_rows == len(choices) == 4
    assert reading.preferences.save(made.id, tmp_path / "said.csv", format="csv").read_text().startswith("study,")
    assert list(reading.preferences.rows(made.id, rounds="evaluation")) == []
    with pytest.raises(NotFound):
        list(reading.preferences.rows(made.id + 1))


def test_an_export_is_asked_for_waited_for_and_downloaded(site: Site, as_: As, study: Study, tmp_path: Path) -> None:
    reading = as_(Who.RESEARCHER)
    asked = reading.exports.ask(study.id, "pickapic", rounds="all", key="mine")
    assert reading.exports.ask(study.id, "pickapic", rounds="all", key="mine").id == asked.id
    with pytest.raises(ExportFailed, match="is waiting and has no file"):
        reading.exports.download(asked.id, tmp_path)
    seen: list[str] = []

    def written_meanwhile(now) -> None:
        seen.append(now.state)
        if len(seen) == 2:
            write(site, asked.id, b"a zip " * 1000)

    done = reading.exports.wait(asked.id, on_progress=written_meanwhile, every=0.01, timeout=30)
    assert (done.state, seen[:2], done.rows) == ("done", ["waiting", "waiting"], 2)
    assert reading.exports.download(asked.id, tmp_path).read_bytes() == b"a zip " * 1000
    assert [export.id for export in reading.exports.all(study.id)] == [asked.id]
    reading.exports.remove(asked.id)
    stopped = reading.exports.ask(study.id, "csv")
    assert reading.exports.stop(stopped.id).state == "cancelled"
    with pytest.raises(ExportFailed, match="is cancelled"):
        reading.exports.wait(stopped.id)


def test_a_push_is_asked_for_stopped_sent_again_and_waited_for(
    site: Site, as_: As, checkpoint: CheckpointRow
) -> None:  # fmt: skip
    reading = as_(Who.RESEARCHER)
    asked = reading.pushes.ask(checkpoint.id, "me/emoji-lora", key="mine")
    assert reading.pushes.ask(checkpoint.id, "me/emoji-lora", key="mine").id == asked.id
    assert (asked.checkpoint, asked.private, asked.provenance) == (checkpoint.id, True, False)
    assert reading.pushes.stop(asked.id).state == "cancelled"
    with pytest.raises(PushFailed, match=r"is cancelled: it was called off\."):
        reading.pushes.wait(asked.id)
    assert reading.pushes.again(asked.id).state == "waiting"
    seen: list[str] = []

    def arrives_meanwhile(now) -> None:
        seen.append(now.state)
        if len(seen) == 2:
            with transaction(site.sessions) as session:
                push = session.get_one(PushRow, asked.id)
                push.url, push.commit = "https://huggingface.co/me/emoji-lora", "c" * 40
                jobs.end(session.get_one(Job, push.job_id), JobState.DONE)

    done = reading.pushes.wait(asked.id, on_progress=arrives_meanwhile, every=0.01, timeout=30)
    assert (done.url, seen[:2]) == ("https://huggingface.co/me/emoji-lora", ["waiting", "waiting"])
    assert [one.id for one in reading.pushes.all(checkpoint.id)] == [asked.id]
    with pytest.raises(BadInput):
        reading.pushes.ask(checkpoint.id, "no owner")


def test_a_judge_answers_every_pair_by_its_pictures(site: Site, as_: As, study: Study) -> None:
    person = as_(Who.ANNOTATOR)

    def brighter(shown: Shown) -> Answer:
        return "first" if brightness(shown.first) > brightness(shown.second) else "second"

    answered = {shown.pair.pair: choice for shown, choice in person.annotating.answer_all(study.id, brighter)}
    assert len(answered) == 3
    with transaction(site.sessions) as session:
        for choice in session.scalars(select(Choice)):
            assert choice.answer.value == answered[choice.pair_id].choice == brightest(session, site, choice)
            assert choice.response_ms is not None
    assert person.annotating.next(study.id).reason == "done"
    assert list(person.annotating.answer_all(study.id, brighter, wait=True)) == []
    undone = person.annotating.undo(next(iter(answered.values())))
    again = person.annotating.next(study.id).pairs[0]
    assert again.pair == undone.pair
    person.annotating.renew([again])
    person.annotating.give_back([again])


def test_an_answer_sent_twice_is_stored_once_and_another_is_refused(site: Site, as_: As, study: Study) -> None:
    person = as_(Who.ANNOTATOR)
    (pair,) = person.annotating.next(study.id).pairs
    key = uuid.uuid4()
    made = person.annotating.answer(pair, "tie", key=key)
    assert person.annotating.answer(pair, "tie", key=key) == made
    with pytest.raises(Conflict) as caught:
        person.annotating.answer(pair, "first")
    assert caught.value.problem["choice"]["choice"] == "tie"


def test_a_token_of_few_scopes_is_told_which_it_lacks(site: Site, study: Study) -> None:
    with transaction(site.sessions) as session:
        owner = builders.user(session, role=Who.RESEARCHER)
        _, narrow = personal_tokens.make(session, user=owner, name="Reads", wanted=[Scope.READ], days=1, actor=owner)
    with Client(site.url, narrow) as reading:
        assert [found.id for found in reading.studies.all()] == [study.id]
        with pytest.raises(Forbidden, match="data"):
            reading.exports.ask(study.id, "csv")


def test_a_site_that_is_not_there_says_so() -> None:
    with Client("http://127.0.0.1:9", "x", retries=0) as asking, pytest.raises(Unreachable, match="does not answer"):
        asking.me()


def brightest(session: Session, site: Site, choice: Choice) -> str:
    """Which of the pair's lossless pictures is the brighter one."""
    pair = session.get_one(Pair, choice.pair_id)
    first, second = (
        brightness(site.artifacts.get_bytes(session.get_one(Sample, one).image_key))
        for one in (pair.first_id, pair.second_id)
    )
    return "first" if first > second else "second"


def brightness(picture: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float).mean())


def write(site: Site, export_id: int, content: bytes) -> None:
    """What a worker does in the end."""
    with transaction(site.sessions) as session:
        export = session.get_one(Export, export_id)
        stored = site.artifacts.put_bytes(f"studies/{export.study_id}/exports/{export.job_id}-1/x.zip", content)
        export.key, export.size, export.sha256, export.rows = stored.key, stored.size, stored.sha256, 2
        jobs.end(session.get_one(Job, export.job_id), JobState.DONE)


@contextmanager
def breaking(site: Site, *, after: list[int]) -> Iterator[tuple[str, list[str | None]]]:
    """A site whose first downloads break off after so many bytes, then no longer; and the ranges asked for."""
    ranges: list[str | None] = []
    left = list(after)

    class Wire(StreamRequestHandler):
        def handle(self) -> None:
            method, target, _ = self.rfile.readline().decode().split(" ", 2)
            lines = [line.decode().strip().partition(": ") for line in iter(self.rfile.readline, b"\r\n")]
            headers = {name.lower(): value for name, _, value in lines}
            kept = {name: headers[name] for name in ("authorization", "range", "if-range") if name in headers}
            answer = httpx.request(method, site.url + target, headers=kept)
            body = answer.content
            if "/download" in target:
                ranges.append(headers.get("range"))
                body = body[: left.pop(0)] if left else body
            head = [f"HTTP/1.1 {answer.status_code} OK", "Connection: close", f"Content-Length: {len(answer.content)}"]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    with ThreadingTCPServer(("127.0.0.1", 0), Wire) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", ranges
        finally:
            server.shutdown()
            thread.join()

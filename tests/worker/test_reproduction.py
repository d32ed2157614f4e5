"""A checkpoint trained again from its record: made by people's choices over three rounds, then harmed in each way."""

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import logs
from app.artifacts import Artifacts
from app.cli import main
from app.db import transaction
from app.errors import Refused
from app.models import Answer, Checkpoint, Choice, Sample, Study, TrainingRun, TrainingSet
from app.services import choices, dealing, provenance, round_moves
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from worker.reproduction import Reproduction, reproduce

PEOPLE = {"labeling": {"counted": "people", "warm_up": 0}}


def trained_by_people(study: Study) -> Checkpoint:
    """A round of the study, answered by a person, up to its checkpoint."""
    round_ = rooms.draw_round(study)
    answer_as_a_person(study)
    with transaction() as session:
        assert round_moves.settle(session, round_.id)
    rooms.work_off(most=1)
    with transaction() as session:
        return session.scalars(select(Checkpoint).order_by(Checkpoint.id.desc()).limit(1)).one()


def answer_as_a_person(study: Study) -> None:
    with transaction() as session:
        person = builders.user(session)
    answers = [Answer.FIRST, Answer.SECOND] * 20
    while True:
        with transaction() as session:
            dealt = dealing.deal(session, study_id=study.id, user=person, count=5).pairs
            for pair in dealt:
                choices.record(
                    session, pair_id=pair.pair_id, user=person, answer=answers.pop(), key=uuid.uuid4(),
                    lease_id=pair.lease_id, response_ms=700,
                )  # fmt: skip
        if not dealt:
            return


def frozen_set(checkpoint: Checkpoint) -> TrainingSet:
    with transaction() as session:
        run = session.get_one(TrainingRun, checkpoint.training_run_id)
        return session.get_one(TrainingSet, run.training_set_id)


def a_sample(checkpoint: Checkpoint) -> Sample:
    with transaction() as session:
        return session.get_one(Sample, frozen_set(checkpoint).items[0]["first"])


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["tastemaker", "checkpoint", "reproduce", *arguments])
    monkeypatch.setattr(logs, "configure", lambda settings: None)  # it would hold on to this test's standard error
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().out


def test_three_rounds_of_peoples_choices_are_reproduced_to_the_bit(
    active: Settings, demo_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = rooms.make_study(demo_model, **PEOPLE)
    made = [trained_by_people(study) for _ in range(3)]
    assert len({one.adapter_sha256 for one in made}) == 3
    before = rooms.stored_files()

    code, said = command(monkeypatch, capsys, str(made[2].id), "--ancestors", "--json")

    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [line["checkpoint"] for line in lines] == [one.id for one in made]
    for line in lines:
        assert (line["identical"], line["max_difference"], line["first_step_apart"]) == (True, 0.0, None)
        assert (line["differs"], line["elsewhere"], line["drawn_again"]) == ([], {}, 0)
    assert lines[2]["reproduced_sha256"] == made[2].adapter_sha256
    assert code == 0
    assert rooms.stored_files() == before


@pytest.fixture
def made(active: Settings, demo_model: Path) -> Checkpoint:
    return trained_by_people(rooms.make_study(demo_model, **PEOPLE))


def shorten(artifacts: Artifacts, key: str) -> None:
    path = artifacts.local_path(key)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize("harm", [shorten, Artifacts.delete])
def test_a_trajectory_that_is_not_what_was_written_is_named_and_drawn_again(
    made: Checkpoint, artifacts: Artifacts, harm: Callable[[Artifacts, str], None]
) -> None:
    sample = a_sample(made)
    harm(artifacts, sample.trajectory_key or "")
    found = reproduce(made.id, artifacts)
    (difference,) = found.differs
    assert (difference.what, difference.name, difference.recorded) == (
        "file", sample.trajectory_key, sample.trajectory_sha256,
    )  # fmt: skip
    assert (found.identical, found.drawn_again, found.stands) == (True, 1, False)


def test_what_retention_took_is_drawn_again_and_is_no_difference(made: Checkpoint, artifacts: Artifacts) -> None:
    with transaction() as session:
        for row in session.scalars(select(Sample).where(Sample.trajectory_key.is_not(None))):
            row.trajectory_removed_at = row.created_at
            artifacts.delete(row.trajectory_key or "")
    before = rooms.stored_files()
    found = reproduce(made.id, artifacts)
    assert (found.stands, found.drawn_again, found.drawn_otherwise) == (True, 4, 0)
    assert rooms.stored_files() == before


def test_what_is_gone_and_comes_out_otherwise_is_only_used_where_that_is_wanted(
    made: Checkpoint, artifacts: Artifacts
) -> None:
    sample = a_sample(made)
    with transaction() as session:
        session.get_one(Sample, sample.id).trajectory_sha256 = "0" * 64
    with pytest.raises(Refused, match="1 trajectories are no longer kept"):
        reproduce(made.id, artifacts)
    found = reproduce(made.id, artifacts, anyway=True)
    assert found.drawn_otherwise == 1
    assert {difference.what for difference in found.differs} == {"file", "samples"}


def test_a_stored_lora_that_was_changed_is_named(made: Checkpoint, artifacts: Artifacts) -> None:
    shorten(artifacts, made.files["kohya"]["key"])
    found = reproduce(made.id, artifacts)
    assert [(one.what, one.name) for one in found.differs] == [("file", made.files["kohya"]["key"])]
    assert found.identical


def test_a_choice_that_was_changed_is_named_and_the_frozen_list_is_what_counts(
    made: Checkpoint, artifacts: Artifacts
) -> None:
    item = frozen_set(made).items[0]
    turned = {Answer.FIRST: Answer.SECOND, Answer.SECOND: Answer.FIRST}
    with transaction() as session:
        choice = session.get_one(Choice, item["choices"][0])
        choice.answer = turned[choice.answer]
    found = reproduce(made.id, artifacts)
    (difference,) = found.differs
    assert difference.name == f"{choice.id} of pair {item['pair']}"
    assert str(difference).startswith(f"choice {choice.id} of pair {item['pair']}: recorded p = {item['p']:g}, found ")
    assert (found.identical, found.stands) == (True, False)


def test_a_choice_that_was_taken_back_or_is_gone_is_named(made: Checkpoint, artifacts: Artifacts) -> None:
    first, second = frozen_set(made).items
    with transaction() as session:
        session.get_one(Choice, first["choices"][0]).undone_at = builders.now()
        session.delete(session.get_one(Choice, second["choices"][0]))
    found = reproduce(made.id, artifacts)
    assert [one.found[:10] for one in found.differs] == ["taken back", "gone"]
    assert found.identical


def change_set(frozen: TrainingSet, run: TrainingRun) -> None:
    items = [dict(item) for item in frozen.items]
    items[0]["p"] = 1.0 - items[0]["p"]
    frozen.items = items


def change_settings(frozen: TrainingSet, run: TrainingRun) -> None:
    run.settings = run.settings | {"learning_rate": 2e-3}


@pytest.mark.parametrize(
    ("change", "what"), [(change_set, {"training_set", "choice"}), (change_settings, {"settings"})]
)
def test_a_record_that_was_changed_gives_another_adapter_and_says_how_far_off(
    made: Checkpoint, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    change: Callable[[TrainingSet, TrainingRun], None], what: set[str],
) -> None:  # fmt: skip
    with transaction() as session:
        run = session.get_one(TrainingRun, made.training_run_id)
        change(session.get_one(TrainingSet, run.training_set_id), run)
    found = reproduce(made.id, artifacts)
    assert {one.what for one in found.differs} == what
    assert not found.identical
    assert 0 < (found.max_difference or 0) < 0.1
    assert 0 < (found.relative_difference or 0) < 1
    assert found.first_step_apart in (1, 2)
    code, said = command(monkeypatch, capsys, str(made.id))
    assert code == 1
    assert "not the same; off by at most" in said
    assert "Not as recorded: " in said


def test_another_machine_and_other_libraries_are_told(made: Checkpoint, artifacts: Artifacts) -> None:
    with transaction() as session:
        row = session.get_one(Checkpoint, made.id)
        record: dict[str, Any] = json.loads(json.dumps(row.provenance))
        record["code"]["torch"] = "1.0"
        record["machine"]["threads"] = 2
        row.provenance = record
    found: Reproduction = reproduce(made.id, artifacts)
    assert found.elsewhere["torch"]["recorded"] == "1.0"
    assert "threads" not in found.elsewhere  # as many compute as computed then


def test_the_provenance_of_a_real_checkpoint_names_its_choices_and_hashes(made: Checkpoint) -> None:
    with transaction() as session:
        told = provenance.of_checkpoint(session, made.id, secret="secret")
        said = session.scalars(select(Choice).order_by(Choice.id)).all()
    assert told["training_set"]["sha256"] == frozen_set(made).sha256
    assert [one["id"] for pair in told["pairs"] for one in pair["choices"]] == [choice.id for choice in said]
    assert len({one["annotator"] for pair in told["pairs"] for one in pair["choices"]}) == 1
    assert all(pair["first"]["trajectory_sha256"] for pair in told["pairs"])
    assert len(told["code"]["d3po_sha256"]) == 64

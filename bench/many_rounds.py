"""A study that has run for long, written by the database itself: rounds, pairs and choices by the thousand or million,
with all that people, workers and the sweep leave beside them; and a house around it.

The same sizes give the same rows but for ids and times. Files are named and not written. The newest round is in
labeling; those before it are complete, each with its checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.models import (
    BaseModel,
    ModelFamily,
    Prompt,
    PromptSet,
    Round,
    RoundState,
    Split,
    Study,
)
from app.models.base import Json
from app.services import evaluation_scores, tallies, totals, work
from app.study_settings import StudySettings
from app.supervisor.logs import Say
from bench import rows_of_many_rounds as rows
from bench.study import NO_FILE, make_study

ANIMALS = ("cat", "dog", "fox", "owl", "frog", "lion", "panda", "koala", "horse", "rabbit")


@dataclass(frozen=True)
class Size:
    """How large: `pairs` of each round, `choices` of each pair, optimizer `steps` of each run; `beside` is how many
    there are of everything else that a house has: other studies, base models, prompt sets, invites, failed jobs."""

    rounds: int
    pairs: int
    choices: int = 3
    people: int = 300
    steps: int = 900
    prompts: int = 40
    beside: int = 50


LARGE = Size(rounds=1000, pairs=1000)
SMALL = Size(rounds=3, pairs=4, choices=2, people=3, steps=4, prompts=3, beside=2)


@dataclass(frozen=True)
class Seeded:
    """What pages are asked for: ids of the study, of its rounds and checkpoints (oldest first) and of what is beside;
    `quiet_study` is an older, small one; `event` and `pair` are in the middle of all."""

    study: int
    quiet_study: int
    rounds: tuple[int, ...]
    comparison: int
    checkpoints: tuple[int, ...]
    prompt_set: int
    person: int
    event: int
    pair: int
    webhook: int
    try_: int
    played: int


def seed(session: Session, size: Size, say: Say = lambda line: None) -> Seeded:
    """Write it all, in one transaction. Foreign keys are not looked at meanwhile: the database has to be one's own."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text("SET LOCAL work_mem = '256MB'"))
    quiet = make_study(session, pairs=max(size.beside // 2, 2), size=64, choices_per_pair=size.choices)
    study = _study(session, size)
    values: dict[str, Any] = {
        **{name: getattr(size, name) for name in size.__dataclass_fields__},
        "study": study.id, "sha256": NO_FILE, "chunk": 50,
    }  # fmt: skip
    for what, statement in rows.STATEMENTS:
        say(f"{what} …")
        session.execute(text(statement), values)
    newest = session.scalars(select(Round).where(Round.study_id == study.id, Round.state == RoundState.LABELING)).one()
    totals.refresh(session, newest)
    say("What the sweep counts …")
    session.execute(text("ANALYZE"))
    evaluation_scores.count(session, study.id)
    work.catch_up(session)
    tallies.catch_up(session)
    return _ids(session, study, quiet.study_id)


def tidy(engine: Engine) -> None:
    """What autovacuum does in time: statistics for the planner, and pages known to be visible to all."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def _study(session: Session, size: Size) -> Study:
    model = BaseModel(
        name="Nothing is drawn", source=f"/nowhere/{token_hex(8)}", family=ModelFamily.SD1,
        prediction_type="epsilon", token_limit=77, image_size=512, files={}, files_sha256=NO_FILE,
    )  # fmt: skip
    prompts = PromptSet(name=f"Animals {token_hex(4)}", version=1, sha256=NO_FILE)
    session.add_all([model, prompts])
    session.flush()
    session.add_all(
        Prompt(
            prompt_set_id=prompts.id, number=number, split=Split.BOTH, text=f"{ANIMALS[number % 10]} number {number}"
        )
        for number in range(size.prompts)
    )
    study = Study(
        name="Many rounds", question="Which picture is better?", base_model_id=model.id, prompt_set_id=prompts.id,
        seed=0, settings=settings(size), preset="demo", preset_sha256=NO_FILE,
    )  # fmt: skip
    session.add(study)
    session.flush()
    return study


def settings(size: Size) -> Json:
    """The settings of all its rounds."""
    blocks = {
        "sampling": {"groups": size.pairs, "chunk_groups": 50, "eval_draws": 1},
        "labeling": {"choices_per_pair": size.choices, "gold_share": 0.03, "repeat_share": 0.03},
    }
    return StudySettings.model_validate(blocks).model_dump()


def _ids(session: Session, study: Study, quiet_study: int) -> Seeded:
    def every(query: str) -> Sequence[int]:
        return session.scalars(text(query), {"study": study.id}).all()

    rounds = every("SELECT id FROM rounds WHERE study_id = :study AND kind = 'preference' ORDER BY number")
    comparisons = every("SELECT id FROM rounds WHERE study_id = :study AND kind = 'evaluation' ORDER BY number")
    events = every("SELECT id FROM events WHERE study_id = :study ORDER BY id")
    pairs = every(f"SELECT id FROM pairs WHERE round_id = {rounds[len(rounds) // 2]} ORDER BY id")  # noqa: S608
    return Seeded(
        study=study.id,
        quiet_study=quiet_study,
        rounds=tuple(rounds),
        comparison=comparisons[-1],
        checkpoints=tuple(every("SELECT id FROM checkpoints WHERE study_id = :study ORDER BY number")),
        prompt_set=study.prompt_set_id,
        person=every("SELECT max(user_id) FROM participations WHERE study_id = :study")[0],
        event=events[len(events) // 2],
        pair=pairs[-1],
        webhook=every("SELECT min(id) FROM webhooks")[0],
        try_=every("SELECT min(id) FROM tries")[0],
        played=every("SELECT max(id) FROM tries")[0],
    )

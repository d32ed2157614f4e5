"""The demo study: the shipped model and prompts, ready to label at the first start."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Event, Study
from app.paths import DEMO
from app.services import base_models, prompt_sets, rounds, studies

NAME = "Demo: emoji"
QUESTION = "Which picture is better?"
SEED = 2  # whose first pictures are good ones
FOR_PEOPLE: dict[str, object] = {"sampling": {"branch_from": 0}}  # they like to see what they choose between at once


def ensure(session: Session) -> Study | None:
    """Make the demo study and launch its first round where no study was ever made; returns it if it was made now.

    Its samples part early, unlike those of the preset, whose pairs differ in shade and detail alone.
    """
    if session.scalar(select(Event.id).where(Event.what == "study.created").limit(1)) is not None:
        return None
    study = create(session, seed=SEED, settings=FOR_PEOPLE)
    rounds.launch(session, study_id=study.id, actor=None)
    return study


def create(
    session: Session, *, seed: int, name: str = NAME, preset: str = "demo", settings: dict[str, object] | None = None
) -> Study:
    """A study on the demo model and its prompts."""
    model = base_models.register(session, source=str(DEMO / "model"), name="Demo model (emoji, 64×64)", actor=None)
    lines = prompt_sets.parse((DEMO / "prompts.txt").read_text())
    prompts = prompt_sets.create(session, name="Demo prompts", prompts=lines, actor=None)
    return studies.create(
        session,
        name=name,
        question=QUESTION,
        base_model_id=model.id,
        prompt_set_id=prompts.id,
        preset=preset,
        settings=settings,
        seed=seed,
        actor=None,
    )

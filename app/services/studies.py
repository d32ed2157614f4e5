"""Studies: made, read, and changed where they may change."""

import secrets
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotFound
from app.models import OPEN, Checkpoint, Group, Pair, Round, RoundKind, Sample, Study, User
from app.models.base import Json
from app.services import base_models, events, guidelines, look_alikes, places, prompt_sets
from app.services.locks import Lock, exclusive
from app.study_settings import StudySettings, load_preset, merged, validated

MOST_AUTO_ROUNDS = 10_000
PLACES_DEPEND_ON = {"choices_per_pair", "counted"}  # an evaluation round has these of its own
# what the study's evaluation pictures look like: once they are drawn it stays, or rounds could not be compared any more
EVALUATION_DEPENDS_ON = frozenset(
    {"steps", "eta", "guidance", "negative_prompt", "height", "width", "precision", "eval_draws"}
)


def create(
    session: Session, *, name: str, question: str, base_model_id: int, prompt_set_id: int, preset: str = "paper",
    settings: Json | None = None, seed: int | None = None, actor: User | None, idempotency_key: str | None = None,
) -> Study:  # fmt: skip
    """Make a study from a preset and what differs from it. Without a seed, one is drawn.

    The same idempotency key gives the study that it made before. Raises `BadInput` naming each field at fault.
    """
    if idempotency_key:
        made = session.scalars(select(Study).where(Study.idempotency_key == idempotency_key)).one_or_none()
        if made is not None:
            return made
    _check_words(name, question)
    chosen, preset_sha256 = load_preset(preset)
    model = base_models.get(session, base_model_id)
    prompt_sets.get(session, prompt_set_id)
    prompts = prompt_sets.prompts_of(session, prompt_set_id)
    study = Study(
        name=name.strip(),
        question=question.strip(),
        base_model_id=model.id,
        prompt_set_id=prompt_set_id,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        settings=merged(chosen, settings or {}).model_dump(),
        preset=preset,
        preset_sha256=preset_sha256,
        prompts_over_limit=prompt_sets.over_limit(prompts, pipeline=Path(model.source), limit=model.token_limit),
        idempotency_key=idempotency_key,
        created_by_id=actor.id if actor else None,
    )
    session.add(study)
    events.write(session, "study.created", study, actor=actor, name=study.name, preset=preset)
    return study


def get(session: Session, study_id: int) -> Study:
    study = session.get(Study, study_id)
    if study is None:
        raise NotFound(f"There is no study {study_id}.")
    return study


def locked(session: Session, study_id: int) -> Study:
    """The study's row, locked to the transaction's end: launches and checkpoint moves go one after the other."""
    study = session.scalars(
        select(Study).where(Study.id == study_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if study is None:
        raise NotFound(f"There is no study {study_id}.")
    return study


def every(session: Session, *, archived: bool = False) -> list[Study]:
    query = select(Study).order_by(Study.id)
    return list(session.scalars(query if archived else query.where(Study.archived_at.is_(None))))


def open_round(session: Session, study_id: int) -> Round | None:
    """The study's open preference round; there is at most one."""
    return session.scalars(
        select(Round).where(Round.study_id == study_id, Round.kind == RoundKind.PREFERENCE, Round.state.in_(OPEN))
    ).one_or_none()


def set_checkpoint(session: Session, *, study_id: int, checkpoint_id: int | None, actor: User | None) -> Study:
    """Start the next round from this checkpoint of the study (none: the base). This is how one goes back.

    Raises `Conflict` while a preference round is open.
    """
    study = locked(session, study_id)
    if open_round(session, study_id) is not None:
        raise Conflict("A round of this study is open.", "Wait for it to complete, or cancel it.")
    if checkpoint_id is not None:
        checkpoint = session.get(Checkpoint, checkpoint_id)
        if checkpoint is None or checkpoint.study_id != study_id:
            raise NotFound(f"This study has no checkpoint {checkpoint_id}.")
    before, study.current_checkpoint_id = study.current_checkpoint_id, checkpoint_id
    events.write(session, "study.checkpoint_set", study, actor=actor, before=before, after=checkpoint_id)
    return study


def set_auto_rounds(session: Session, *, study_id: int, rounds: int, actor: User | None) -> Study:
    """Let the study launch this many rounds by itself, one after the other (auto_advance)."""
    if not 0 <= rounds <= MOST_AUTO_ROUNDS:
        raise BadInput(f"{rounds} rounds cannot be run by themselves.", f"Give a number from 0 to {MOST_AUTO_ROUNDS}.")
    study = locked(session, study_id)
    study.auto_rounds = rounds
    events.write(session, "study.auto_rounds_set", study, actor=actor, rounds=rounds)
    return study


def change_labeling(session: Session, *, study_id: int, labeling: Json, actor: User | None) -> Study:
    """Change the labeling block, for the study and its open rounds; an evaluation round keeps how many choices it asks
    for, and whose count. The event tells what changed.

    Pairs close and open by how many choices are asked for from now on, and whose count; those that look alike are left
    out or taken in by the new distance. Raises `BadInput` where the
    guidelines or the consent text show a picture that the study does not have.
    """
    study = locked(session, study_id)
    before = validated(study.settings)
    after = merged(before, {"labeling": labeling})
    for field in ("guidelines", "consent"):
        guidelines.check(session, study_id=study_id, field=f"labeling.{field}", text=getattr(after.labeling, field))
    changed = {
        field: [value, getattr(after.labeling, field)]
        for field, value in before.labeling.model_dump().items()
        if getattr(after.labeling, field) != value
    }
    study.settings = after.model_dump()
    for round_ in session.scalars(select(Round).where(Round.study_id == study_id, Round.state.in_(OPEN))):
        theirs = {
            field: value
            for field, value in labeling.items()
            if round_.kind is RoundKind.PREFERENCE or field not in PLACES_DEPEND_ON
        }
        round_.settings = merged(validated(round_.settings), {"labeling": theirs}).model_dump()
        if changed.keys() & (PLACES_DEPEND_ON | {"alike_below"}):
            session.flush()
            exclusive(session, Lock.ROUND_CHOICES, round_.id)
            look_alikes.sort_again(session, round_)
            places.recount(session, round_, Pair.round_id == round_.id)
    events.write(session, "study.labeling_changed", study, actor=actor, changed=changed)
    return study


def change(
    session: Session, *, study_id: int, name: str | None = None, question: str | None = None,
    settings: Json | None = None, actor: User | None,
) -> Study:  # fmt: skip
    """Change name, question, and what later rounds draw and train with; open rounds keep what they were launched with.
    What is watched for holds at once.

    Once evaluation pictures exist, the sampling settings that they look by are refused. Raises `BadInput` naming each
    field at fault; labeling has its own `change_labeling`. The event tells what changed.
    """
    study, given = locked(session, study_id), settings or {}
    if given.keys() - {"sampling", "training", "watching"}:
        raise BadInput("Labeling settings are not changed here.", "They have a page of theirs.")
    words = {"name": study.name if name is None else name, "question": study.question if question is None else question}
    _check_words(words["name"], words["question"])
    before = validated(study.settings)
    after = merged(before, given)
    changed = differing(before, after) | {
        field: [getattr(study, field), text.strip()]
        for field, text in words.items()
        if getattr(study, field) != text.strip()
    }
    fixed = {f"sampling.{field}" for field in fixed_sampling(session, study_id)} & changed.keys()
    if fixed:
        raise BadInput(
            "The study's evaluation pictures were drawn with other settings.", "Duplicate the study to change these.",
            fields=dict.fromkeys(fixed, "fixed: the evaluation pictures were drawn with it"),
        )  # fmt: skip
    if changed:
        study.name, study.question = words["name"].strip(), words["question"].strip()
        study.settings = after.model_dump()
        events.write(session, "study.changed", study, actor=actor, changed=changed)
    return study


def fixed_sampling(session: Session, study_id: int) -> frozenset[str]:
    """The sampling settings that cannot be changed any more: none before the study has evaluation pictures."""
    drawn = select(Sample.id).join(Group, Group.id == Sample.group_id)
    there = session.scalar(drawn.where(Group.study_id == study_id, Group.round_id.is_(None)).limit(1))
    return frozenset() if there is None else EVALUATION_DEPENDS_ON


def archive(session: Session, *, study_id: int, actor: User | None) -> Study:
    """Put the study away: nobody is dealt its pairs and it launches nothing. All of it is kept.

    Raises `Conflict` while a round of it is open.
    """
    study = locked(session, study_id)
    if study.archived_at is None:
        if session.scalar(select(Round.id).where(Round.study_id == study_id, Round.state.in_(OPEN)).limit(1)):
            raise Conflict("A round of this study is open.", "Wait for it to complete, or cancel it.")
        study.archived_at, study.auto_rounds = func.now(), 0
        events.write(session, "study.archived", study, actor=actor)
    return study


def unarchive(session: Session, *, study_id: int, actor: User | None) -> Study:
    """Take the study out of the archive."""
    study = locked(session, study_id)
    if study.archived_at is not None:
        study.archived_at = None
        events.write(session, "study.unarchived", study, actor=actor)
    return study


def differing(before: StudySettings, after: StudySettings) -> Json:
    """The values in both of each setting that differs, by `block.field`."""
    old, new = before.model_dump(), after.model_dump()
    return {
        f"{block}.{field}": [old[block][field], value]
        for block, fields in new.items()
        for field, value in fields.items()
        if old[block][field] != value
    }


def _check_words(name: str, question: str) -> None:
    fields = {key: "is empty" for key, value in (("name", name), ("question", question)) if not value.strip()}
    if len(name.strip()) > 200:
        fields["name"] = "is longer than 200 characters"
    if fields:
        raise BadInput("A study needs a name and a question.", "Fill in both.", fields=fields)

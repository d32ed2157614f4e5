"""The playground: a prompt of one's own, drawn by the base and by checkpoints of a study, each by the same noise.

What is asked for is a try (`tries`) of several policies. It stays until whoever asked, or an admin, removes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.db import after_commit
from app.errors import BadInput, Conflict, Forbidden, NotFound
from app.models import Checkpoint, Job, JobKind, JobState, PromptSet, Sampler, Split, Study, TryIt, User
from app.services import disk, events, jobs, permissions, prompt_sets, studies, tries, try_views
from app.services.idempotency import made_before
from app.services.jobs import Urgency
from app.services.permissions import Right
from app.services.prompt_texts import PromptLine
from app.services.try_views import Trying
from app.study_settings import SamplingSettings, merged, validated

MOST_POLICIES = 5
MOST_PARTS = 2
MOST_WEIGHT = 1.5
MOST_DRAWS = 4


@dataclass(frozen=True)
class Wish:
    """A checkpoint, and the LoRA's scale that it is wanted at: 0 is the base, 1 as it was trained."""

    checkpoint_id: int
    weight: float = 1.0


Policy = Sequence[Wish]  # the base where it is empty; two are mixed: W + a * delta_1 + b * delta_2


@dataclass(frozen=True)
class Drawing:
    """How a try is drawn, where it differs from its study. `eta` 0 is DDIM without noise."""

    steps: int | None = None
    eta: float | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    draws: int = 1


def ask(
    session: Session, *, study_id: int, prompt: str, policies: Sequence[Policy], drawing: Drawing, actor: User | None,
    idempotency_key: str | None = None,
) -> TryIt:  # fmt: skip
    """Ask for pictures of a prompt, one of each policy and number of noise; with a key that was used before, the try
    that it made.

    Raises `NotFound`, `BadInput`, and `TooMany` while three tries of the same person are at work.
    """
    made = made_before(session, TryIt, idempotency_key, study_id=study_id)
    if made is not None:
        return made
    study = studies.get(session, study_id)
    prompt = tries.to_draw(prompt, field="prompt")
    _check(session, study, policies)
    if not 1 <= drawing.draws <= MOST_DRAWS:
        raise BadInput(f"{drawing.draws} noises cannot be drawn.", fields={"draws": f"1 to {MOST_DRAWS}"})
    if drawing.seed is not None and not 0 <= drawing.seed < tries.MOST_SEED:
        raise BadInput("The seed cannot be used.", fields={"seed": f"0 to {tries.MOST_SEED - 1}"})
    sampling, sampler = _sampling(study, drawing)
    tries.refuse_many(session, actor)
    job = jobs.add(session, JobKind.TRY_IT, study_id=study.id, urgency=Urgency.TRY_IT)
    session.flush()
    row = TryIt(
        base_model_id=study.base_model_id,
        study_id=study.id,
        job_id=job.id,
        prompt=prompt,
        seed=tries.any_seed() if drawing.seed is None else drawing.seed,
        sampling=sampling.model_dump(),
        sampler=sampler,
        policies=[[{"checkpoint": one.checkpoint_id, "weight": one.weight} for one in policy] for policy in policies],
        draws=drawing.draws,
        idempotency_key=idempotency_key,
        asked_by_id=actor.id if actor else None,
    )
    session.add(row)
    session.flush()
    return row


def view(session: Session, try_id: int) -> Trying:
    """A try of the playground. Raises `NotFound`, also for a quick try of settings."""
    found = try_views.views(session, TryIt.id == try_id, TryIt.policies.is_not(None))
    if not found:
        raise NotFound(f"There is no try {try_id} of the playground.", "It may have been removed.")
    return found[0]


def own(
    session: Session, user: User, *, study_id: int | None = None, before: int | None = None, limit: int = 20
) -> list[Trying]:
    """The user's tries of the playground, newest first; of one study or of all."""
    where = [TryIt.policies.is_not(None), TryIt.asked_by_id == user.id]
    if study_id is not None:
        where.append(TryIt.study_id == study_id)
    if before is not None:
        where.append(TryIt.id < before)
    return try_views.views(session, *where, limit=limit)


def may_change(trying: Trying, user: User) -> bool:
    """Whether the user may stop and remove it: whoever asked for it, and an admin."""
    return trying.asked_by_id == user.id or permissions.may(user, Right.RUN_STUDIES)


def stop(session: Session, *, try_id: int, actor: User) -> None:
    """Call it off; a worker that is at it stops within seconds. Raises `Conflict` where it has ended, `Forbidden`."""
    row, job = _locked(session, try_id, actor)
    if job.state not in jobs.AT_WORK:
        raise Conflict(f"Try {row.id} is {job.state}: there is nothing to stop.", "Reload the page.")
    jobs.end(job, JobState.CANCELLED)


def remove(session: Session, artifacts: Artifacts, *, try_id: int, actor: User) -> int:
    """Remove it with its pictures; the id of its study. Raises `Conflict` while it is at work, `Forbidden`."""
    row, job = _locked(session, try_id, actor)
    if job.state in jobs.AT_WORK:
        raise Conflict(f"Try {row.id} is being drawn.", "Stop it first.")
    assert row.study_id is not None
    for picture in row.pictures:
        after_commit(session, partial(artifacts.delete, picture["key"]))
    disk.mark(session, row.study_id)
    if job.state is JobState.FAILED:
        job.state = JobState.CANCELLED  # nothing is left to be tried again
    session.delete(row)
    return row.study_id


def own_prompts(session: Session, study_id: int) -> PromptSet:
    """The version of its prompt set that the study has, and keeps."""
    return prompt_sets.get(session, studies.get(session, study_id).prompt_set_id)


def newest_prompts(session: Session, study_id: int) -> PromptSet:
    """The newest version of the study's prompt set: what a saved prompt is added to."""
    own_set = own_prompts(session, study_id)
    newest = select(PromptSet).where(PromptSet.name == own_set.name).order_by(PromptSet.version.desc()).limit(1)
    return session.scalars(newest).one()


def is_saved(session: Session, trying: Trying) -> bool:
    """Whether the newest version of its study's prompt set has its prompt as an evaluation prompt."""
    assert trying.study_id is not None
    evaluated = prompt_sets.prompts_of(session, newest_prompts(session, trying.study_id).id, Split.EVAL)
    return any(prompt.text == trying.prompt for prompt in evaluated)


def save_prompt(session: Session, *, try_id: int, actor: User | None) -> PromptSet:
    """Make the try's prompt an evaluation prompt: the next version of its study's prompt set, made of the newest one.

    The study and all others stay with the version that they have; a new study may take this one. The negative prompt is
    a study's setting, and is not saved. Raises `Conflict` where the newest version has it already.
    """
    trying = view(session, try_id)
    assert trying.study_id is not None
    own_set = own_prompts(session, trying.study_id)
    session.execute(select(PromptSet.id).where(PromptSet.name == own_set.name).with_for_update())  # one at a time
    newest = newest_prompts(session, trying.study_id)
    if is_saved(session, trying):
        raise Conflict(
            f"Version {newest.version} of {newest.name} has this evaluation prompt already.", "A new study can take it."
        )
    lines = prompt_sets.lines_of(session, newest.id)
    if any(line.text == trying.prompt for line in lines):  # a train prompt: both from now on, and still one line
        lines = [PromptLine(one.text, Split.BOTH, one.weight) if one.text == trying.prompt else one for one in lines]
    else:
        lines.append(PromptLine(trying.prompt, Split.EVAL))
    made = prompt_sets.create(session, name=newest.name, prompts=lines, actor=actor)
    events.write(session, "prompt_set.prompt_saved", made, actor=actor, prompt=trying.prompt, of_try=try_id)
    return made


def _check(session: Session, study: Study, policies: Sequence[Policy]) -> None:
    if not 1 <= len(policies) <= MOST_POLICIES:
        said = f"choose 1 to {MOST_POLICIES}"
        raise BadInput(
            "There is nothing to compare.", f"Choose 1 to {MOST_POLICIES} policies.", fields={"policies": said}
        )
    for policy in policies:
        if len(policy) > MOST_PARTS:
            raise BadInput("At most two checkpoints are mixed.", fields={"policies": f"at most {MOST_PARTS} in one"})
        for one in policy:
            if not (math.isfinite(one.weight) and 0 <= one.weight <= MOST_WEIGHT):
                said = f"0 to {MOST_WEIGHT}"
                raise BadInput(
                    f"A weight of {one.weight} cannot be used.", f"It lies from {said}.", fields={"policies": said}
                )
    ids = {one.checkpoint_id for policy in policies for one in policy}
    known = set(
        session.scalars(select(Checkpoint.id).where(Checkpoint.study_id == study.id, Checkpoint.id.in_(ids)))
    ) if ids else set()  # fmt: skip
    if ids - known:
        raise NotFound(f"Study {study.id} has no checkpoint {min(ids - known)}.", "Choose checkpoints of the study.")


def _sampling(study: Study, drawing: Drawing) -> tuple[SamplingSettings, Sampler]:
    """The study's sampling with what differs. Where its samples part has no part in a picture of its own."""
    changes = {
        name: value
        for name in ("steps", "eta", "guidance", "negative_prompt")
        if (value := getattr(drawing, name)) is not None
    }
    sampler = Sampler.STUDY
    if changes.get("eta") == 0:
        sampler = Sampler.DDIM
        del changes["eta"]
    changes |= {"branch_steps": None, "antithetic": False}
    return merged(validated(study.settings), {"sampling": changes}).sampling, sampler


def _locked(session: Session, try_id: int, actor: User) -> tuple[TryIt, Job]:
    if not may_change(view(session, try_id), actor):
        raise Forbidden("This try is someone else's.", "Ask whoever asked for it, or an admin.")
    row = session.get_one(TryIt, try_id)
    return row, jobs.locked(session, row.job_id)

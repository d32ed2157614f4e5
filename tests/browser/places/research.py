"""Places of a researcher: checkpoints."""

import random

from sqlalchemy import select

from app.models import Answer, Checkpoint, JobState, Pair, Role, Sample, Sampler, SampleScore, TrainingRun
from app.services import judges
from tests import builders, scenes
from tests.browser.places.registry import place, unfold
from tests.comparisons import ONE, OTHER, comparison


@place("/research", Role.RESEARCHER)
def everything_to_download(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(
        session, study, parent=scenes.checkpoint(session, study, artifacts=artifacts), artifacts=artifacts
    )
    return "/research"


@place("/research", Role.RESEARCHER)
def nothing_to_download(session, artifacts, me):
    return "/research"


@place("/research/checkpoints/{checkpoint_id}", Role.RESEARCHER, unfold)
def a_checkpoint(session, artifacts, me):
    made = scenes.checkpoint(session, builders.study(session), draws=2, artifacts=artifacts)
    builders.push(session, checkpoint_id=made.id, state=JobState.DONE, asked_by_id=me.id)
    refused = (
        "The token may not write to others/emoji-lora. Give it the right to write there, or name a repository of its "
    )
    builders.push(
        session, checkpoint_id=made.id, state=JobState.FAILED, repo="others/emoji-lora", error=f"{refused}owner's."
    )  # fmt: skip
    return f"/research/checkpoints/{made.id}"


@place("/research/checkpoints/{checkpoint_id}", Role.RESEARCHER)
def a_checkpoint_on_its_way_to_the_hub(session, artifacts, me):
    made = scenes.checkpoint(session, builders.study(session), draws=1, artifacts=artifacts)
    builders.push(session, checkpoint_id=made.id, state=JobState.RUNNING, asked_by_id=me.id)
    return f"/research/checkpoints/{made.id}"


@place("/research/compare", Role.RESEARCHER)
def two_checkpoints_side_by_side(session, artifacts, me):
    study = branched(session, artifacts)
    one, other = session.scalars(
        select(Checkpoint.id).where(Checkpoint.study_id == study.id).order_by(Checkpoint.id).limit(2)
    )
    return f"/research/compare?one={other}&other={one}"


def branched(session, artifacts):
    """A study whose second and third checkpoint both came from the first, the second by other settings."""
    study = improved(session, artifacts, rounds=2)
    first, second = session.scalars(
        select(Checkpoint).where(Checkpoint.study_id == study.id).order_by(Checkpoint.id)
    )  # fmt: skip
    run = session.get_one(TrainingRun, second.training_run_id)
    run.settings = run.settings | {"learning_rate": 1e-4, "rank": 8}
    scenes.checkpoint(session, study, parent=first, artifacts=artifacts)
    return study


def improved(session, artifacts, rounds=3):
    """A study whose checkpoints get better round by round. People have compared them with the base, the first two with
    each other, and never preferred the base to the newest."""
    prompts = builders.prompt_set(session, prompts=[*builders.PROMPTS, "a lighthouse keeper over a stormy sea " * 3])
    study = builders.study(session, name="Emoji", question="Which one is livelier?", prompt_set_id=prompts.id)
    judges.know(session, name="jpeg_compressibility", unit="kB", larger_is_better=False)
    made = []
    for _ in range(rounds):
        made.append(scenes.checkpoint(session, study, parent=made[-1] if made else None, artifacts=artifacts))
    chance = random.Random(0)
    for score in session.scalars(select(SampleScore).order_by(SampleScore.sample_id)):
        score.value += chance.gauss(0, 0.15)
    for number, one in enumerate(made[:-1]):
        compared(session, study, one, None, [*[ONE] * (number + 5), OTHER, OTHER, OTHER, Answer.TIE])
    compared(session, study, made[-1], None, [ONE] * 6)
    compared(session, study, made[1], made[0], [ONE, ONE, OTHER])
    return study


def compared(session, study, one, other, answers):
    """An evaluation round of two policies (none: the base) on the pictures that they have, with each answer by a person
    of its own."""
    numbers = (one.number, other.number if other else 0)
    round_ = comparison(session, study, one.id, other.id if other else None)
    groups = [group for group in scenes.evaluation_groups(session, study, 2) if group.sampler == Sampler.STUDY]
    for answer, group in zip(answers, groups, strict=False):
        first, second = (
            session.scalars(select(Sample.id).where(Sample.group_id == group.id, Sample.number == number)).one()
            for number in numbers
        )
        pair = Pair(round_id=round_.id, group_id=group.id, first_id=first, second_id=second)
        session.add(pair)
        session.flush()
        builders.choice(session, pair_id=pair.id, answer=answer)


@place("/research/studies/{study_id:int}/better", Role.RESEARCHER, unfold)
def does_it_get_better(session, artifacts, me):
    return f"/research/studies/{improved(session, artifacts).id}/better"


@place(
    "/research/studies/{study_id:int}/better", Role.RESEARCHER, lambda page: page.locator("[data-cell]").first.click()
)
def a_picture_of_the_grid_in_large(session, artifacts, me):
    return f"/research/studies/{improved(session, artifacts).id}/better"


@place("/research/studies/{study_id:int}/better", Role.RESEARCHER)
def nothing_to_compare_yet(session, artifacts, me):
    return f"/research/studies/{builders.study(session).id}/better"

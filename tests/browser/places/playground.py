"""Places of a researcher: the playground, and what was drawn there."""

from datetime import timedelta
from io import BytesIO

from app.models import Job, JobState, Role, TryIt
from app.services import playground
from app.services.playground import Drawing, Wish
from tests import builders, scenes
from tests.browser.places.registry import place, unfold

FORM = "/research/studies/{study_id:int}/playground"
RESULT = "/research/tries/{try_id:int}"


@place(FORM, Role.RESEARCHER, unfold)
def the_playground_before_anything_was_drawn(session, artifacts, me):
    return f"/research/studies/{with_checkpoints(session)[0].id}/playground"


@place(FORM, Role.RESEARCHER)
def the_playground_of_a_study_without_checkpoints(session, artifacts, me):
    return f"/research/studies/{builders.study(session, name='Emoji').id}/playground"


@place(RESULT, Role.RESEARCHER, unfold)
def a_try_of_five_policies(session, artifacts, me):
    study, first, second = with_checkpoints(session)
    tried(session, study, me, [[], [Wish(first)]], "owl", JobState.FAILED, artifacts)
    tried(
        session,
        study,
        me,
        [[], [Wish(second, 1.25)]],
        "a lighthouse keeper over a stormy sea, at night",
        JobState.DONE,
        artifacts,
    )
    policies = [[], [Wish(first)], [Wish(second)], [Wish(second, 0.5)], [Wish(first, 0.3), Wish(second, 0.7)]]
    made = tried(session, study, me, policies, "a red fox under an apple tree", JobState.DONE, artifacts)
    return f"/research/tries/{made.id}"


@place(RESULT, Role.RESEARCHER)
def a_try_that_is_being_drawn(session, artifacts, me):
    study, first, _ = with_checkpoints(session)
    tried(session, study, me, [[], [Wish(first, 0.5)]], "3d owl", JobState.WAITING, artifacts)
    made = tried(session, study, me, [[], [Wish(first)]], "a red fox", JobState.RUNNING, artifacts)
    return f"/research/tries/{made.id}"


@place(RESULT, Role.RESEARCHER)
def a_try_whose_prompt_is_saved(session, artifacts, me):
    study, first, _ = with_checkpoints(session)
    made = tried(session, study, me, [[], [Wish(first)]], "a red fox", JobState.DONE, artifacts)
    playground.save_prompt(session, try_id=made.id, actor=me)
    return f"/research/tries/{made.id}"


def with_checkpoints(session):
    """A study, and the ids of its two checkpoints."""
    study = builders.study(session, name="Emoji", question="Which one is livelier?")
    first = scenes.checkpoint(session, study)
    return study, first.id, scenes.checkpoint(session, study, parent=first).id


def tried(session, study, me, policies, prompt, state, artifacts) -> TryIt:
    """A try in a state, as a worker would have left it."""
    made = playground.ask(
        session, study_id=study.id, prompt=prompt, policies=policies, drawing=Drawing(seed=7, draws=2), actor=me
    )
    stand(session, made, state, artifacts)
    return made


def stand(session, made: TryIt, state: JobState, artifacts) -> None:
    job = session.get_one(Job, made.job_id)
    job.state = state
    if state is JobState.RUNNING:
        job.lease_until = builders.now() + timedelta(seconds=45)
        job.progress = {"done": 36, "total": 80, "unit": "steps", "per_second": 3.0}
        return
    if state is JobState.DONE:
        made.pictures = [_picture(artifacts, made, n) for n in range(len(made.policies) * made.draws)]
        made.seconds, made.loading_seconds = 4.2, 0.0
    elif state is JobState.FAILED:
        job.error = "The device ran out of memory. Draw fewer pictures at once."
    if state is not JobState.WAITING:
        job.ended_at = builders.now()


def _picture(artifacts, made: TryIt, number: int) -> dict[str, object]:
    data = BytesIO()
    builders.picture(number + made.id, 96).save(data, "WEBP", lossless=True)
    key = f"studies/{made.study_id}/tries/{made.job_id}-1/{number}.webp"
    stored = artifacts.put_bytes(key, data.getvalue())
    return {"key": key, "sha256": stored.sha256, "size": stored.size, "width": 96, "height": 96}

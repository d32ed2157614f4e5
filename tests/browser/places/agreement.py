"""Places of a researcher: judges beside people."""

import random
from datetime import timedelta

from sqlalchemy import select

from app.models import Answer, Job, JobState, Queue, Role, RoundState, Sample, Scoring
from app.services import judges, scorings, tallies
from tests import builders
from tests.browser.places.registry import place, unfold

ROUTE = "/research/studies/{study_id:int}/agreement"
ABOUT = {
    "aesthetic": "How people would rate its looks from 1 to 10, whatever the prompt: LAION's predictor.",
    "brightness": "How bright the picture is, from 0 to 1.",
    "jpeg_compressibility": "The size of the picture as JPEG: the smaller, the better.",
    "pickscore": "Which picture people would pick for the prompt: PickScore v1, trained on their choices.",
}


def judged(session, artifacts, rounds=3, pairs=24):
    """A study whose rounds people have answered, with judges of whom one says much the same, one nothing, and one the
    opposite."""
    know(session)
    study = builders.study(session, name="Emoji", question="Which one is livelier?")
    people, chance = [builders.user(session) for _ in range(3)], random.Random(1)
    for number in range(rounds):
        state = RoundState.LABELING if number == rounds - 1 else RoundState.COMPLETE
        round_ = builders.round_(session, study_id=study.id, state=state)
        for _ in range(pairs):
            pair = builders.pair(session, round_id=round_.id, artifacts=artifacts)
            liking = chance.gauss(0, 1)
            for person in people[: chance.choice([1, 1, 3])]:
                said = liking + chance.gauss(0, 0.8)
                answer = Answer.TIE if abs(said) < 0.2 else Answer.FIRST if said > 0 else Answer.SECOND
                builders.choice(session, pair_id=pair.id, user_id=person.id, answer=answer)
            gains = {
                "pickscore": liking + chance.gauss(0, 0.7),
                "aesthetic": 0.4 * liking + chance.gauss(0, 1),
                "brightness": round(chance.gauss(0, 0.15), 1),
                "jpeg_compressibility": liking + chance.gauss(0, 2.5),
            }
            for name, gain in gains.items():
                judges.score(session, judge=name, values={pair.first_id: 20 + gain, pair.second_id: 20.0})
    tallies.catch_up(session)
    return study


def know(session):
    for name, about in ABOUT.items():
        queue = Queue.ACCELERATOR if name in ("aesthetic", "pickscore") else Queue.CPU
        small = name == "jpeg_compressibility"
        judges.know(
            session, name=name, unit="kB" if small else "", larger_is_better=not small, about=about, queue=queue
        )


@place(ROUTE, Role.RESEARCHER, unfold)
def judges_beside_people(session, artifacts, me):
    study = judged(session, artifacts)
    states = {
        "brightness": JobState.DONE,
        "jpeg_compressibility": JobState.CANCELLED,
        "aesthetic": JobState.FAILED,
        "pickscore": JobState.RUNNING,
    }
    for name, state in states.items():
        stand(session, scorings.ask(session, study_id=study.id, judge=name, actor=me), state)
    scorings.ask(session, study_id=study.id, judge="aesthetic", round_id=newest(session, study), actor=me)
    return f"/research/studies/{study.id}/agreement"


def newest(session, study):
    (round_id, *_), *_ = scorings.rounds(session, study.id, limit=1)
    return round_id


@place(ROUTE, Role.RESEARCHER)
def a_judge_that_sees_no_difference_in_one_round(session, artifacts, me):
    study = judged(session, artifacts, rounds=2, pairs=3)
    round_id = newest(session, study)
    for sample in session.scalars(select(Sample.id)):
        judges.score(session, judge="flat", values={sample: 1.0})
    judges.know(session, name="flat", unit="", larger_is_better=True)
    tallies.mark_rounds(session, [round_id])
    tallies.catch_up(session)
    return f"/research/studies/{study.id}/agreement?judge=flat&round={round_id}"


@place(ROUTE, Role.RESEARCHER)
def no_judge_beside_people_yet(session, artifacts, me):
    return f"/research/studies/{builders.study(session).id}/agreement"


def stand(session, made: Scoring, state: JobState) -> None:
    """Put a scoring into a state, as a worker would have."""
    job = session.get_one(Job, made.job_id)
    job.state = state
    if state is JobState.RUNNING:
        job.lease_until = builders.now() + timedelta(seconds=45)
        job.progress = {"done": 12_000, "total": 80_000, "unit": "samples", "per_second": 61.0}
    elif state is JobState.DONE:
        made.scored, made.unreadable = 144, 2
    elif state is JobState.FAILED:
        job.error = (
            "The weights of the judge 'aesthetic' are not on this worker and cannot be had from the hub. Where the "
            "network is, run: hf download openai/clip-vit-large-patch14 config.json model.safetensors --local-dir "
            "FOLDER/aesthetic – then set TASTEMAKER_JUDGE_WEIGHTS to that FOLDER on every worker."
        )
    if state not in scorings.AT_WORK:
        job.ended_at = builders.now()

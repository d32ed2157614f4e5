"""Places of a researcher: a study's data as files."""

from datetime import timedelta

from app.models import Export, Job, JobState, Role
from app.services import exports
from app.services.export_source import Rounds
from tests import builders, scenes
from tests.browser.places.registry import place

ROUTE = "/research/studies/{study_id:int}/exports"


@place(ROUTE, Role.RESEARCHER)
def exports_in_every_state(session, artifacts, me):
    study = builders.study(session, name="Emoji", question="Which one is livelier?")
    scenes.labeling_round(session, study, artifacts=artifacts)
    states = {
        "parquet": JobState.DONE,
        "choices-csv": JobState.CANCELLED,
        "dataset": JobState.FAILED,
        "pickapic": JobState.RUNNING,
        "rapidata": JobState.WAITING,
    }
    for format_name, state in states.items():
        made = exports.ask(
            session, study_id=study.id, format_name=format_name, rounds=Rounds.PREFERENCE, secret="s", actor=me
        )
        stand(session.get_one(Job, made.job_id), made, state)
    return f"/research/studies/{study.id}/exports"


@place(ROUTE, Role.RESEARCHER)
def nothing_exported_yet(session, artifacts, me):
    return f"/research/studies/{builders.study(session).id}/exports"


def stand(job: Job, export: Export, state: JobState) -> None:
    """Put an export into a state, as a worker would have."""
    job.state = state
    if state is JobState.RUNNING:
        job.lease_until = builders.now() + timedelta(seconds=45)
        job.progress = {"done": 212_000, "total": 800_000, "unit": "pairs", "per_second": 6100.0}
    elif state is JobState.DONE:
        export.key, export.size, export.sha256, export.rows = "none", 4_812_345, builders.sha256("export"), 120_000
    elif state is JobState.FAILED:
        job.error = "The worker's disk is full. Free some space there, then retry."
    if state not in exports.AT_WORK:
        job.ended_at = builders.now()

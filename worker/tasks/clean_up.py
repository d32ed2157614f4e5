"""A clean-up: trajectories that are not kept any more, then files that no row names. Needs no torch."""

from functools import partial

from sqlalchemy import select

from app.db import after_commit, transaction
from app.models import Study
from app.services import clean_up, retention, unnamed
from worker.attempt import Attempt
from worker.d3po.errors import StoppedError


def run(held: Attempt) -> None:
    """Clean up study by study. What is freed stays freed where it is stopped; the next attempt goes on."""
    with transaction() as session:
        study_ids = list(session.scalars(select(Study.id).order_by(Study.id)))
    told = held.progress("studies")
    freed = {"trajectories": 0, "trajectory_bytes": 0, "unnamed": 0, "unnamed_bytes": 0}
    for done, study_id in enumerate(study_ids):
        told(done, len(study_ids))
        _release(held, study_id, freed)
        _remove_unnamed(held, study_id, freed)
    told(len(study_ids), len(study_ids))
    with transaction() as session:
        clean_up.record(session, held.claim, **freed)


def _release(held: Attempt, study_id: int, freed: dict[str, int]) -> None:
    """Let trajectories go, some hundred at a time."""
    while True:
        _check(held)
        with transaction() as session:
            keys = retention.release(session, study_id, keep=int(held.claim.payload["keep"]))
            sizes = [held.artifacts.size(key) for key in keys if held.artifacts.exists(key)]
            for key in keys:
                after_commit(session, partial(held.artifacts.delete, key))
        freed["trajectories"] += len(sizes)
        freed["trajectory_bytes"] += sum(sizes)
        if not keys:
            return


def _remove_unnamed(held: Attempt, study_id: int, freed: dict[str, int]) -> None:
    with transaction() as session:
        places = unnamed.folders(session, study_id)
    for folder, number in places:
        _check(held)
        with transaction() as session:
            names, working = unnamed.named(session, study_id, number), unnamed.at_work(session)
        for key, size in unnamed.find(held.artifacts, folder, names, working):
            held.artifacts.delete(key)
            freed["unnamed"] += 1
            freed["unnamed_bytes"] += size


def _check(held: Attempt) -> None:
    if held.should_stop():
        raise StoppedError("The clean-up was told to stop.")

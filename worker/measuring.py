"""What is measured once nobody waits: how evaluation pictures look, and what judges say of those that people chose
between. It comes after the evaluation pictures, in the same job."""

from collections.abc import Iterator, Sequence

import numpy as np
import structlog

from app.db import transaction
from app.errors import Damaged, NotFound
from app.services import jobs, judges, looks, samples, tallies
from app.services.judges import ToScore
from app.services.looks import StoredPicture
from worker import appearance, images, judging
from worker.attempt import Attempt
from worker.d3po.errors import StoppedError
from worker.judges import Judge, scores

MOST_SCORED = 2000  # pictures a judge scores in one job, beside the evaluation pictures
AT_ONCE = 32

log = structlog.get_logger(__name__)


def measure(held: Attempt, study_id: int, installed: Sequence[Judge]) -> None:
    """Measure what is there and was not measured. What is stored stays where it is stopped. Raises `StoppedError`."""
    with transaction() as session:
        for judge in installed:
            judging.tell(session, judge)
        sets = looks.unseen(session, study_id)
    for pictures in sets:
        _look(held, pictures)
    for judge in installed:
        _score(held, study_id, judge)


def _look(held: Attempt, pictures: Sequence[StoredPicture]) -> None:
    """See how one prompt's draws look. Where one of them cannot be read, none is looked at."""
    read = dict(_read(held, pictures))
    if len(read) < len(pictures):
        return
    found, _ = appearance.looks(list(read.values()))
    with transaction() as session:
        jobs.held(session, held.claim)
        samples.add_looks(session, dict(zip(read, found, strict=True)))


def _score(held: Attempt, study_id: int, judge: Judge) -> None:
    with transaction() as session:
        waiting = judges.unscored(session, study_id=study_id, judge=judge.name, limit=MOST_SCORED)
        rounds = judges.rounds_of(session, [picture.sample_id for picture in waiting])
    for start in range(0, len(waiting), AT_ONCE):
        values = score_some(held, judge, waiting[start : start + AT_ONCE])
        with transaction() as session:
            jobs.held(session, held.claim)
            judges.score(session, judge=judge.name, values=values)
    with transaction() as session:
        tallies.mark_rounds(session, rounds)


def score_some(held: Attempt, judge: Judge, pictures: Sequence[ToScore]) -> dict[int, float]:
    """What the judge says of some pictures, by the samples' ids, without those that cannot be read. Raises
    `StoppedError`."""
    prompts = {picture.sample_id: picture.prompt for picture in pictures}
    read = dict(_read(held, pictures))
    found = scores(judge, list(read.values()), [prompts[sample_id] for sample_id in read])
    return dict(zip(read, found, strict=True))


def _read(held: Attempt, pictures: Sequence[StoredPicture | ToScore]) -> Iterator[tuple[int, np.ndarray]]:
    """The pictures by their samples' ids; one whose file is gone or damaged is passed over, and logged."""
    for picture in pictures:
        if held.should_stop():
            raise StoppedError("Measuring was told to stop; what was measured before is kept.")
        try:
            yield picture.sample_id, images.pixels(held.artifacts.get_bytes(picture.key, picture.sha256))
        except (NotFound, Damaged) as error:
            log.warning("picture_not_measured", sample=picture.sample_id, reason=str(error))

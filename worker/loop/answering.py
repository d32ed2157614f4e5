"""A judge answers the pairs that wait, through the same door as people."""

import uuid

from app.artifacts import Artifacts
from app.db import transaction
from app.models import Answer, User
from app.services import choices, dealing, samples
from app.services.dealing import MOST_AHEAD, DealtPair
from worker.images import pixels
from worker.judges import Judge, scores

BY_PREFERENCE = {1: Answer.FIRST, -1: Answer.SECOND}


class Answering:
    """A judge with its user, in one study. It looks at the lossless pictures, never at what browsers get."""

    def __init__(self, judge: Judge, user: User, study_id: int, artifacts: Artifacts) -> None:
        self._judge = judge
        self._user = user
        self._study_id = study_id
        self._artifacts = artifacts

    def answer_waiting(self) -> int:
        """Answer every pair that is open by now; returns how many."""
        answered = 0
        while pairs := self._next():
            for pair in pairs:
                self._answer(pair)
            answered += len(pairs)
        return answered

    def _next(self) -> list[DealtPair]:
        with transaction() as session:
            return dealing.deal(session, study_id=self._study_id, user=self._user, count=MOST_AHEAD).pairs

    def _answer(self, pair: DealtPair) -> None:
        better = self._judge.better(*self._scores(pair))
        answer = BY_PREFERENCE.get(better) or _undecided(pair)
        with transaction() as session:
            choices.record(
                session, pair_id=pair.pair_id, user=self._user, answer=answer, key=uuid.uuid4(),
                lease_id=pair.lease_id, response_ms=None,
            )  # fmt: skip

    def _scores(self, pair: DealtPair) -> list[float]:
        with transaction() as session:
            rows = [samples.get(session, side.sample_id) for side in (pair.first, pair.second)]
        images = [pixels(self._artifacts.get_bytes(row.image_key, row.image_sha256)) for row in rows]
        return scores(self._judge, images, [pair.prompt] * len(images))


def _undecided(pair: DealtPair) -> Answer:
    """What says least, of what the study offers: a judge that sees no difference must answer all the same."""
    offered = [answer for answer in (Answer.TIE, Answer.SKIP) if answer.value in pair.answers]
    return offered[0] if offered else Answer.FIRST

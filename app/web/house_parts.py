"""The parts of the house's page, each a fragment of its own, as `round_parts` has them for a round."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.services import disk, house


@dataclass(frozen=True)
class Part:
    """One part: where its facts come from. One that holds forms is drawn for one viewer, and only its news is sent."""

    name: str
    facts: Callable[[Session, Artifacts | None], Any]
    for_one_viewer: bool = False

    @property
    def template(self) -> str:
        return f"house/_{self.name}.html"


PARTS = {
    part.name: part
    for part in (
        Part("workers", lambda session, artifacts: house.workers(session)),
        Part("queues", lambda session, artifacts: house.queues(session)),
        Part("failed", lambda session, artifacts: house.failed(session), for_one_viewer=True),
        Part("disk", disk.overview),
    )
}

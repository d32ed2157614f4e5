"""Who answers a study's pairs: paused, let go on, left out, counted again. For admins."""

from dataclasses import dataclass

from tastemaker.client.http import Http
from tastemaker.client.shapes import Participation, RoundKind, RoundState, RunState, Share


@dataclass(frozen=True)
class RoundChange:
    """What becomes of a round's pairs: how many turn which way (`tied`, `lost`, `gained`, …), how many open again, and
    how many choices are asked for again."""

    round_id: int
    kind: RoundKind
    number: int
    state: RoundState
    pairs: int
    turns: dict[str, int]
    opened: int
    places: int


@dataclass(frozen=True)
class TrainedOn:
    """A training run that has choices of theirs among its own; it stays as it is. `later` counts checkpoints that were
    trained onwards from its own."""

    round_id: int
    round_number: int
    run_id: int
    run_number: int
    state: RunState
    choices: int
    pairs: int
    of_pairs: int
    checkpoint_id: int | None
    checkpoint_number: int | None
    later: int
    leads_to_current: bool


@dataclass(frozen=True)
class LeavingOut:
    """What it would change to leave someone out: rounds, agreement and known answers of all people, trainings."""

    user: int
    choices: int
    rounds: list[RoundChange]
    alpha: float | None
    alpha_without: float | None
    gold: Share
    gold_without: Share
    trained: list[TrainedOn]


class Annotators:
    """`client.annotators`; `client.studies.quality` tells who there is, and how good their labels are."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def pause(self, study: int, person: int, *, reason: str = "") -> Participation:
        """Deal them no more pairs; what they said still counts. They read the `reason`, or a general, kind sentence."""
        return self._move(study, person, "pause", {"reason": reason})

    def resume(self, study: int, person: int) -> Participation:
        """Let them go on; known answers from before are forgiven."""
        return self._move(study, person, "resume")

    def preview_leaving_out(self, study: int, person: int) -> LeavingOut:
        """What leaving them out would change. Nothing is changed by asking."""
        return self._http.one(LeavingOut, "GET", f"/studies/{study}/annotators/{person}/leave-out")

    def leave_out(self, study: int, person: int) -> Participation:
        """What they said speaks for no pair any more; pairs of open rounds ask again."""
        return self._move(study, person, "leave-out")

    def take_back(self, study: int, person: int) -> Participation:
        """What they said speaks again, where its pair still takes choices."""
        return self._move(study, person, "take-back")

    def _move(self, study: int, person: int, move: str, body: dict[str, str] | None = None) -> Participation:
        return self._http.one(Participation, "POST", f"/studies/{study}/annotators/{person}/{move}", body=body)

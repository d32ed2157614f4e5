"""What a place is, how one is entered, and which routes are none. `ELSEWHERE` names those, with the reason."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import Role, User

Make = Callable[[Session, Artifacts, User], str]
Act = Callable[[Page], object]


@dataclass(frozen=True)
class Place:
    """One page in one state. `act` brings it into the state after it was opened; `role` is None for nobody. One behind
    an `open_door` stands on a site that lets anyone make an account, or sign in with a provider."""

    name: str
    route: str
    role: Role | None
    make: Make
    act: Act
    open_door: bool


PLACES: list[Place] = []
ELSEWHERE = {
    "/outside": "sends the browser to the provider",
    "/outside/return": "sends the browser on",
    "/annotate/{study_id}/guide/{picture_id}": "is a picture",
    "/live/rounds/{round_id}": "is an event stream",
    "/admin/studies/{study_id:int}/file": "is a file",
    "/admin/rounds/{round_id:int}/log.txt": "is a file",
    "/live/house": "is an event stream",
    "/admin/log/events.csv": "is a file",
    "/admin/payments/payments.csv": "is a file",
    "/admin/": "is /admin",
    "/research/": "is /research",
    "/research/checkpoints/{checkpoint_id:int}/pushes": "is a part of the checkpoint's page",
}


def place(
    route: str, role: Role | None, act: Act = lambda page: None, *, open_door: bool = False
) -> Callable[[Make], Make]:
    """Enter a function as a place; its name says the state."""

    def enter(make: Make) -> Make:
        PLACES.append(Place(make.__name__, route, role, make, act, open_door))
        return make

    return enter


def unfold(page: Page) -> None:
    """Unfold everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")

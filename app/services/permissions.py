"""Who may do what: the one place that says it."""

from enum import StrEnum

from app.errors import Forbidden
from app.models import Role, User


class Right(StrEnum):
    """What a role allows, worded to stand after "may"."""

    ANNOTATE = "answer pairs"
    RESEARCH = "see checkpoints, preferences and metrics"
    RUN_STUDIES = "run studies and rounds"
    MANAGE_USERS = "manage users"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ANNOTATOR: frozenset({Right.ANNOTATE}),
    Role.RESEARCHER: frozenset({Right.ANNOTATE, Right.RESEARCH}),
    Role.ADMIN: frozenset(Right),
}


def may(user: User, right: Right) -> bool:
    """Whether `user` has `right`; a disabled user has none."""
    return user.disabled_at is None and right in RIGHTS[user.role]


def require(user: User, right: Right) -> None:
    """Raises `Forbidden` where `user` lacks `right`."""
    if not may(user, right):
        raise Forbidden(
            f"{user.display_name} is signed in as {user.role.value} and may not {right.value}.",
            "Ask an admin for a role that may, or sign in as someone else.",
        )

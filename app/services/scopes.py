"""What a personal token may be used for, within what its owner's role allows: the one place that says it."""

from enum import StrEnum

from app.models import User
from app.services.permissions import Right, may


class Scope(StrEnum):
    """One part of the API. Every operation names the one that it needs, and a token has those that it was made with."""

    PROFILE = "profile"
    ANNOTATE = "annotate"
    READ = "read"
    DATA = "data"
    PLAYGROUND = "playground"
    STUDIES = "studies"
    PEOPLE = "people"
    HOUSE = "house"


# in words, for the page that makes tokens and for the description of the API
ALLOWS: dict[Scope, str] = {
    Scope.PROFILE: "See who you are; change your name, your preferences and what you hear of by e-mail",
    Scope.ANNOTATE: "Be dealt pairs, answer them, undo and explain answers, and see your own numbers",
    Scope.READ: "See studies, rounds, prompts, metrics, warnings and evaluations; download checkpoints and pictures",
    Scope.DATA: "Download preferences and provenance; have exports written, pictures scored, checkpoints pushed",
    Scope.PLAYGROUND: "Have pictures drawn in the playground, stop and remove them, and save their prompts",
    Scope.STUDIES: "Make and change studies, prompt sets and base models; launch, pause, advance and cancel rounds",
    Scope.PEOPLE: "See and change people, invites, label quality and payments",
    Scope.HOUSE: "See workers, queues, failed jobs and the history; manage webhooks",
}

# without this right a scope is of no use to its owner; an operation may need another one beside it
NEEDS: dict[Scope, Right | None] = {
    Scope.PROFILE: None,
    Scope.ANNOTATE: Right.ANNOTATE,
    Scope.READ: Right.RESEARCH,
    Scope.DATA: Right.RESEARCH,
    Scope.PLAYGROUND: Right.RESEARCH,
    Scope.STUDIES: Right.RUN_STUDIES,
    Scope.PEOPLE: Right.RUN_STUDIES,
    Scope.HOUSE: Right.RUN_STUDIES,
}


def of_role(user: User) -> list[Scope]:
    """The scopes that `user` has a use for."""
    return [scope for scope in Scope if (need := NEEDS[scope]) is None or may(user, need)]

"""Under which name someone's choices leave the house: the same wherever one study is told of, another in each study,
and of no use for finding the person without the site's secret."""

import hmac

from app.errors import Conflict
from app.models import UserKind


def pseudonym(secret: str, study_id: int, user_id: int) -> str:
    """The person's name in what is told of this study: `annotator-3f9c21d07ab4`. `secret` is the settings' own."""
    told = hmac.new(secret.encode(), f"annotator/{study_id}/{user_id}".encode(), "sha256")
    return f"annotator-{told.hexdigest()[:12]}"


def told_as(kind: UserKind, handle: str, *, secret: str, study_id: int, user_id: int) -> str:
    """Who made a choice, as it is told outside: a person by pseudonym; a judge, who is no person, by its name."""
    return handle if kind is UserKind.JUDGE else pseudonym(secret, study_id, user_id)


def of_nobody(secret: str, study_id: int) -> str:
    """The pseudonym of nobody: it tells whether two have the same secret, and not what it is."""
    return pseudonym(secret, study_id, 0)


def require_same(secret: str, study_id: int, nobody: str) -> None:
    """Raises `Conflict` where this worker's secret is not the site's, by which nobody is `nobody`: people would get
    other pseudonyms than before."""
    if of_nobody(secret, study_id) != nobody:
        raise Conflict(
            "This worker has another secret key than the site, so it would give people other pseudonyms.",
            "Start it with the site's TASTEMAKER_SECRET_KEY.",
        )

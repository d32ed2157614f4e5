"""Under which name someone's choices leave the house: the same wherever one study is told of, another in each study,
and of no use for finding the person without the site's secret."""

import hmac

from app.models import UserKind


def pseudonym(secret: str, study_id: int, user_id: int) -> str:
    """The person's name in what is told of this study: `annotator-3f9c21d07ab4`. `secret` is the settings' own."""
    told = hmac.new(secret.encode(), f"annotator/{study_id}/{user_id}".encode(), "sha256")
    return f"annotator-{told.hexdigest()[:12]}"


def told_as(kind: UserKind, handle: str, *, secret: str, study_id: int, user_id: int) -> str:
    """Who made a choice, as it is told outside: a person by pseudonym; a judge, who is no person, by its name."""
    return handle if kind is UserKind.JUDGE else pseudonym(secret, study_id, user_id)

"""Under which name someone's choices leave the house: the same wherever one study is told of, another in each study,
and of no use for finding the person without the site's secret."""

import hmac


def pseudonym(secret: str, study_id: int, user_id: int) -> str:
    """The person's name in what is told of this study: `annotator-3f9c21d07ab4`. `secret` is the settings' own."""
    told = hmac.new(secret.encode(), f"annotator/{study_id}/{user_id}".encode(), "sha256")
    return f"annotator-{told.hexdigest()[:12]}"

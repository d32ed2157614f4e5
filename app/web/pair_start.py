"""What the pair page's script starts from: who answers, what the study asks for, and the first pairs."""

from typing import Any

from app.models import Study, User
from app.settings import Settings
from app.study_settings import validated
from app.web.pairs import Next


def start(study: Study, user: User, dealt: Next, settings: Settings) -> dict[str, Any]:
    """Plain data for the page's JSON block `start`."""
    labeling = validated(study.settings).labeling
    return {
        "user": user.id,
        "name": user.display_name,
        "signInName": user.email or user.handle,
        "hasPassword": user.password_hash is not None,
        "isGuest": user.is_guest,
        "preferences": user.preferences,
        "study": study.id,
        "leaseSeconds": settings.pair_lease_seconds,
        "reasons": labeling.reasons,
        "askComment": labeling.ask_comment,
        "breakAfter": labeling.break_after,
        "dealt": dealt.model_dump(mode="json"),
    }

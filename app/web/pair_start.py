"""What the pair page's script starts from: who answers, what the study asks for, and the first pairs."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.models import Study, User
from app.services import progress, user_preferences
from app.services.invites import Ending
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
        "preferences": user_preferences.of(user).model_dump(),
        "study": study.id,
        "leaseSeconds": settings.pair_lease_seconds,
        "reasons": labeling.reasons,
        "askComment": labeling.ask_comment,
        "breakAfter": labeling.break_after,
        "dealt": dealt.model_dump(mode="json"),
    }


def figures(session: Session, user: User, ending: Ending | None, *, zone: ZoneInfo) -> dict[str, Any]:
    """How far this person is: today, days in a row, their pace in seconds a pair, and what their invite still asks."""
    day = progress.day(session, user, zone=zone, now=datetime.now(UTC))
    wanted = max(ending.wanted - ending.made, 0) if ending and ending.wanted else None
    return {"today": day.choices, "streak": day.streak, "pace": progress.pace(session, user), "stillWanted": wanted}

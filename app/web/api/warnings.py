"""Warnings: what was found wrong with rounds and training runs, and what the study did about it."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.services import studies, warning_views
from app.services.troubles import in_english
from app.services.warning_views import WarningLine
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayRead
from app.web.deps import SessionDep

router = APIRouter(tags=["studies"])


class WarningShape(BaseModel):
    """A kind of trouble that was found, with the figures behind it."""

    id: int
    name: str = Field(description="The kind; the study's setting of that name says what is done about it.")
    title: str
    says: str
    helps: str
    figures: dict[str, Any]
    round: int
    run: int | None = Field(description="Number of the training run in its round; null for the round's pictures.")
    checkpoint: int | None = Field(description="Number of the checkpoint that the run made.")
    raised_at: datetime
    stopped_at: datetime | None = Field(description="When the study stopped itself on it.")
    went_back_at: datetime | None = Field(description="When the study then went back.")
    went_back_to: int | None = Field(description="Number of the checkpoint it went back to; 0 for the base model.")

    @classmethod
    def of(cls, line: WarningLine) -> "WarningShape":
        names = ("id", "name", "figures", "raised_at", "stopped_at", "went_back_at", "went_back_to")
        return cls(
            title=line.trouble.title,
            says=in_english(line.trouble, line.figures),
            helps=line.trouble.helps,
            round=line.round_id,
            run=line.run_number,
            checkpoint=line.checkpoint_number,
            **{name: getattr(line, name) for name in names},
        )


@router.get("/studies/{study_id}/warnings", operation_id="list_warnings", summary="Warnings of a study")
def show(study_id: int, session: SessionDep, user: MayRead, cursor: Cursor, limit: Limit = 100) -> Page[WarningShape]:
    """Newest first."""
    studies.get(session, study_id)
    lines = warning_views.of_study(session, study_id, before=cursor, limit=limit + 1)
    page = page_of(lines, limit, lambda line: line.id)
    return Page(items=[WarningShape.of(line) for line in page.items], next=page.next)

"""Invites: made, listed, taken back."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from app.models import Role
from app.services import invite_views, invites
from app.services.invite_views import InviteLine
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayManageUsers
from app.web.api.shapes import Shape
from app.web.deps import SessionDep, SettingsDep

router = APIRouter(prefix="/invites", tags=["people"])


class NewInvite(Body):
    name: str = Field(description="For your own list.")
    role: Role = Role.ANNOTATOR
    study: int | None = Field(None, description="Where it leads.")
    needs_account: bool = Field(False, description="Ask for a name and a password, not for a name to show alone.")
    max_uses: int | None = Field(None, description="How many people it lets in; null for any number.")
    days: int = Field(30, description="How long it works.")
    choices_wanted: int | None = Field(None, description="Choices after which someone is finished; null for all.")
    return_url: str | None = Field(None, description="Where they then go; `{participant}` becomes their outside id.")
    completion_code: str | None = Field(None, description="A code that they then get.")


class InviteShape(Shape):
    """An invite; its link is only known when it is made."""

    id: int
    name: str
    role: Role
    study_id: int | None
    needs_account: bool
    state: Literal["open", "used_up", "expired", "revoked"]
    uses: int
    max_uses: int | None
    choices_wanted: int | None
    return_url: str | None
    completion_code: str | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, line: InviteLine) -> "InviteShape":
        return cls.model_validate(line)


class MadeInvite(InviteShape):
    link: str = Field(description="Shown this once.")


@router.post("", operation_id="create_invite", status_code=201, summary="Make an invite")
def create(body: NewInvite, session: SessionDep, user: MayManageUsers, settings: SettingsDep) -> MadeInvite:
    """The answer holds the link, which is kept nowhere: it is shown this once."""
    values = body.model_dump(exclude={"study"})
    invite, token = invites.make(session, actor=user, study_id=body.study, **values)
    shape = InviteShape.of(invite_views.line(session, invite.id))
    return MadeInvite(link=f"{settings.site_url}/join/{token}", **shape.model_dump())


@router.get("", operation_id="list_invites", summary="Invites, newest first")
def index(session: SessionDep, user: MayManageUsers, cursor: Cursor, limit: Limit = 50) -> Page[InviteShape]:
    """Those that are used up, over or taken back are among them."""
    lines = invite_views.lines(session, before=cursor, limit=limit + 1)
    return page_of([InviteShape.of(line) for line in lines], limit, lambda invite: invite.id)


@router.post("/{invite_id}/revoke", operation_id="revoke_invite", summary="Take an invite back")
def revoke(invite_id: int, session: SessionDep, user: MayManageUsers) -> InviteShape:
    """It lets nobody in any more; who came in stays."""
    invites.revoke(session, invite_id=invite_id, actor=user)
    return InviteShape.of(invite_views.line(session, invite_id))

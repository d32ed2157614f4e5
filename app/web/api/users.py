"""People: listed, their role and access changed, links made for them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.models import LinkPurpose, Role
from app.services import accounts, links, people
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.paging import Cursor, Limit, Page, page_of
from app.web.api.scoped import MayManageUsers
from app.web.api.shapes import Shape
from app.web.deps import SessionDep, SettingsDep
from app.web.pages.admin_users import LINKS

router = APIRouter(prefix="/users", tags=["people"])


class UserShape(Shape):
    """A person: an account, or a guest who is known by a name to show."""

    id: int
    handle: str
    display_name: str
    email: str | None
    role: Role
    is_guest: bool
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None = Field(description="The last use of a session, to some minutes.")
    choices: int = Field(description="How many choices of theirs stand.")


class NewUser(Body):
    handle: str = Field(description="The name that they sign in with.")
    email: str | None = Field(None, description="Taken as theirs: what an admin says is not asked for again.")
    role: Role = Role.ANNOTATOR


class UserChanges(Body):
    role: Role | None = None
    disabled: bool | None = Field(None, description="Keep them out, or let them in again.")


class NewLink(Body):
    purpose: LinkPurpose = Field(description="`sign_in` and `reset` work once; `personal` is a guest's own.")


class MadeLink(BaseModel):
    link: str = Field(description="Shown this once.")


class AddedUser(UserShape):
    link: str = Field(description="Signs them in once; shown this once.")


@router.post("", operation_id="create_user", status_code=201, summary="Add a person", responses=problems(409))
def create(body: NewUser, session: SessionDep, user: MayManageUsers, settings: SettingsDep) -> AddedUser:
    """The answer holds the link that signs them in, which is kept nowhere. 409 where name or e-mail is taken."""
    added = accounts.add(
        session, handle=body.handle, email=body.email, email_verified=True, role=body.role, actor=user
    )  # fmt: skip
    session.flush()
    link = make_link(added.id, NewLink(purpose=LinkPurpose.SIGN_IN), session, user, settings).link
    return AddedUser(link=link, **UserShape.model_validate(people.line(session, added.id)).model_dump())


@router.get("", operation_id="list_users", summary="People, newest first")
def index(
    session: SessionDep, user: MayManageUsers, cursor: Cursor, limit: Limit = 50,
    named: Annotated[str, Query(max_length=200)] = "",
) -> Page[UserShape]:  # fmt: skip
    """`named`: only those whose name or e-mail has this in it."""
    lines = people.lines(session, before=cursor, limit=limit + 1, named=named)
    return page_of([UserShape.model_validate(line) for line in lines], limit, lambda person: person.id)


@router.get("/{user_id}", operation_id="get_user", summary="One person")
def show(user_id: int, session: SessionDep, user: MayManageUsers) -> UserShape:
    """An account or a guest; judges are no persons."""
    return UserShape.model_validate(people.line(session, user_id))


@router.patch("/{user_id}", operation_id="update_user", summary="Change a person's role or access")
def change(user_id: int, body: UserChanges, session: SessionDep, user: MayManageUsers) -> UserShape:
    """409 where no admin would be left."""
    person = people.get(session, user_id)
    if body.role is not None:
        people.set_role(session, user=person, role=body.role, actor=user)
    if body.disabled is not None:
        (people.disable if body.disabled else people.enable)(session, user=person, actor=user)
    session.flush()
    return UserShape.model_validate(people.line(session, user_id))


@router.post("/{user_id}/links", operation_id="create_user_link", status_code=201, summary="Make a link for a person")
def make_link(
    user_id: int, body: NewLink, session: SessionDep, user: MayManageUsers, settings: SettingsDep
) -> MadeLink:
    """The answer holds the link, which is kept nowhere. 409 where it does not fit: `personal` is for guests."""
    token = links.make(session, user=people.get(session, user_id), purpose=body.purpose, actor=user)
    return MadeLink(link=f"{settings.site_url}/{LINKS[body.purpose.value]}/{token}")


@router.post(
    "/{user_id}/sign-out", operation_id="sign_out_user", status_code=204, summary="Sign a person out everywhere"
)
def sign_out(user_id: int, session: SessionDep, user: MayManageUsers) -> None:
    """Every session and every token of theirs ends."""
    people.sign_out(session, user=people.get(session, user_id), actor=user)

"""Who I am, signing in, and what I set for myself."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.models import Role, User
from app.services import accounts, sign_in, user_preferences
from app.services.user_preferences import UserPreferences
from app.web import identity
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.scoped import MaySeeSelf
from app.web.deps import IdentityDep, LimitsDep, SessionDep, SettingsDep
from app.web.identity import Identity
from app.web.pages.sign_in import address

router = APIRouter(tags=["people"])


class Me(BaseModel):
    """The caller. `csrf_token` is what a page with the session's cookie sends in `X-CSRF-Token`."""

    id: int
    name: str
    role: Role
    is_guest: bool
    csrf_token: str
    preferences: UserPreferences


class Changes(Body):
    name: str | None = Field(None, description="The name to show.")
    preferences: dict[str, Any] = Field({}, description="What is to change; the rest stays.")


class Credentials(Body):
    name: str = Field(description="Handle or e-mail.", max_length=320)
    password: str = Field(max_length=2000)


@router.get("/me", operation_id="get_me", summary="Who I am")
def show(user: MaySeeSelf, who: IdentityDep, settings: SettingsDep) -> Me:
    """Name, role, preferences, and the CSRF token of the session where there is one."""
    return _me(user, who.csrf_token(settings))


@router.patch("/me", operation_id="update_me", summary="Change my name or preferences")
def change(body: Changes, session: SessionDep, user: MaySeeSelf, who: IdentityDep, settings: SettingsDep) -> Me:
    """Only what is given changes."""
    if body.name is not None:
        user.display_name = accounts.checked_name(body.name)
    if body.preferences:
        user_preferences.change(session, user=user, changes=body.preferences)
    return _me(user, who.csrf_token(settings))


@router.post("/sign-in", operation_id="sign_in", responses=problems(429), summary="Sign in with a password")
def sign_in_(
    body: Credentials, request: Request, response: Response, session: SessionDep, counts: LimitsDep,
    settings: SettingsDep,
) -> Me:  # fmt: skip
    """Sets the session's cookie. 401 where name or password is wrong; 429 with `Retry-After` after too many tries. A
    page whose session has ended may send the CSRF token that it has."""
    user = sign_in.with_password(session, counts, name=body.name, password=body.password, address=address(request))
    identity.sign_in(request, response, session, user)
    signed_in: Identity = request.state.identity
    return _me(user, signed_in.csrf_token(settings))


def _me(user: User, csrf_token: str) -> Me:
    return Me(
        id=user.id,
        name=user.display_name,
        role=user.role,
        is_guest=user.is_guest,
        csrf_token=csrf_token,
        preferences=user_preferences.of(user),
    )

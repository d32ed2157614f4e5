"""What routes ask for: a database session, the caller, and a right that the caller must have.

What asks nothing of the database is `async`, so that it needs no thread.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import SecurityScopes
from sqlalchemy.orm import Session

from app import db
from app.artifacts import Artifacts
from app.errors import NotSignedIn
from app.models import User
from app.services import permissions, personal_tokens
from app.services.limits import Limits
from app.services.permissions import Right
from app.settings import Settings
from app.web.identity import How, Identity, identify
from app.web.pictures import PictureLinks


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_artifacts(request: Request) -> Artifacts:
    artifacts: Artifacts = request.app.state.artifacts
    return artifacts


async def get_picture_links(request: Request) -> PictureLinks:
    links: PictureLinks = request.app.state.picture_links
    return links


async def get_limits(request: Request) -> Limits:
    limits: Limits = request.app.state.limits
    return limits


async def take_turn(request: Request) -> AsyncIterator[None]:
    """Wait until fewer requests are at work than there are connections.

    A request holds its connection while it waits for a thread, and others hold the threads while they wait for a
    connection: without this, a rush of requests would stand still.
    """
    async with request.app.state.turns:
        yield


# function scope, here and below: over before the answer is sent, however slowly a browser reads it
TurnDep = Annotated[None, Depends(take_turn, scope="function")]


def open_session(request: Request, turn: TurnDep) -> Iterator[Session]:
    with db.transaction(request.app.state.session_factory) as session:
        yield session


SettingsDep = Annotated[Settings, Depends(get_settings)]
ArtifactsDep = Annotated[Artifacts, Depends(get_artifacts)]
LimitsDep = Annotated[Limits, Depends(get_limits)]
LinksDep = Annotated[PictureLinks, Depends(get_picture_links)]
# committed before the answer is sent, so that the browser's next request sees what this one wrote
SessionDep = Annotated[Session, Depends(open_session, scope="function")]


def get_identity(request: Request, session: SessionDep, settings: SettingsDep) -> Identity:
    """The caller; kept on the request, where templates find it."""
    request.state.identity = identity = identify(request, session, settings)
    return identity


IdentityDep = Annotated[Identity, Depends(get_identity)]


async def get_current_user(identity: IdentityDep, needed: SecurityScopes) -> User:
    """The signed-in user. A token gets only what names a scope (`app/web/api/scoped.py`), and only with that scope."""
    if identity.user is None:
        raise NotSignedIn("This needs someone who is signed in.", "Open your sign-in link, or ask an admin for one.")
    if identity.how is How.BEARER:
        personal_tokens.require(identity.scopes, needed.scopes)
    return identity.user


CurrentUser = Annotated[User, Depends(get_current_user)]


def user_with(right: Right) -> Callable[[User], Awaitable[User]]:
    """A dependency: the signed-in user, who must have `right`."""

    async def check(user: CurrentUser) -> User:
        permissions.require(user, right)
        return user

    return check


RequireAnnotator = Annotated[User, Depends(user_with(Right.ANNOTATE))]
RequireResearcher = Annotated[User, Depends(user_with(Right.RESEARCH))]
RequireAdmin = Annotated[User, Depends(user_with(Right.RUN_STUDIES))]
RequireUserAdmin = Annotated[User, Depends(user_with(Right.MANAGE_USERS))]

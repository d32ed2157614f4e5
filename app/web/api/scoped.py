"""Who may call an operation: the right that the caller's role needs, and the scope that their token needs.

Every operation takes one of these, or is listed in `OPEN`. A token gets nothing from a route that names no scope.
"""

from typing import Annotated

from fastapi import Security

from app.models import User
from app.services.permissions import Right
from app.services.scopes import Scope
from app.web.deps import get_current_user, user_with

MaySeeSelf = Annotated[User, Security(get_current_user, scopes=[Scope.PROFILE])]
MayHearByMail = Annotated[User, Security(user_with(Right.RESEARCH), scopes=[Scope.PROFILE])]
MayAnnotate = Annotated[User, Security(user_with(Right.ANNOTATE), scopes=[Scope.ANNOTATE])]
MayRead = Annotated[User, Security(user_with(Right.RESEARCH), scopes=[Scope.READ])]
MayTakeData = Annotated[User, Security(user_with(Right.RESEARCH), scopes=[Scope.DATA])]
MayPlay = Annotated[User, Security(user_with(Right.RESEARCH), scopes=[Scope.PLAYGROUND])]
MayRunStudies = Annotated[User, Security(user_with(Right.RUN_STUDIES), scopes=[Scope.STUDIES])]
MayManagePeople = Annotated[User, Security(user_with(Right.RUN_STUDIES), scopes=[Scope.PEOPLE])]
MayManageUsers = Annotated[User, Security(user_with(Right.MANAGE_USERS), scopes=[Scope.PEOPLE])]
MayRunHouse = Annotated[User, Security(user_with(Right.RUN_STUDIES), scopes=[Scope.HOUSE])]

# operations that ask nobody who they are
OPEN = frozenset({"sign_in"})

"""E-mail: what someone wishes to hear of rounds, and a test."""

from fastapi import APIRouter
from pydantic import Field

from app.services import mail_wishes
from app.web.api.answers import problems
from app.web.api.bodies import Body
from app.web.api.scoped import MayHearByMail
from app.web.api.shapes import Shape
from app.web.deps import SessionDep, SettingsDep

router = APIRouter(prefix="/me/mail", tags=["people"])


class WishShape(Shape):
    """Of a study (null: of the rounds that you launched), the kinds of events that you hear of."""

    study_id: int | None
    study: str | None
    kinds: list[str]


class NewWish(Body):
    study: int | None = Field(None, description="Null: the rounds that you launched.")
    kinds: list[str] = Field(description="Kinds of events, as webhooks have them; none at all is a wish, too.")


@router.get("", operation_id="list_mail_wishes", summary="What I hear of by e-mail")
def index(session: SessionDep, user: MayHearByMail) -> list[WishShape]:
    """Of every study that you have chosen for, and of the rounds that you launched."""
    return [WishShape.model_validate(wish) for wish in mail_wishes.lines(session, user)]


@router.put("", operation_id="set_mail_wish", summary="Choose what I hear of by e-mail")
def wish(body: NewWish, session: SessionDep, user: MayHearByMail) -> list[WishShape]:
    """In place of what was chosen for this study before. 409 where your role sees no rounds."""
    mail_wishes.wish(session, user=user, study_id=body.study, kinds=body.kinds)
    return index(session, user)


@router.post(
    "/test", operation_id="send_test_mail", responses=problems(429), status_code=202, summary="Send me a test mail"
)
def test(session: SessionDep, user: MayHearByMail, settings: SettingsDep) -> None:
    """503 where e-mail is not set up, 409 without an address of yours, 429 more than once a minute."""
    mail_wishes.test(session, settings, user=user)

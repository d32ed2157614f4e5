"""`/account`: who I am, how I sign in, what I set for myself, and where I am signed in."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotSignedIn
from app.models import LinkPurpose, User
from app.services import accounts, links, mail_wishes, outbox, sign_in, user_preferences
from app.services.tokens import sha256
from app.web import forms, languages, sealed
from app.web.deps import CurrentUser, IdentityDep, LimitsDep, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.identity import Identity, drop_cookie
from app.web.pages.sign_in import address
from app.web.templating import render

router = APIRouter(prefix="/account")

PATH = "/account"


@router.get("")
def show(request: Request, session: SessionDep, user: CurrentUser, who: IdentityDep, done: str = "") -> Response:
    response = _page(request, session, user, who, done=done, link=sealed.shown_once(request).get("link", ""))
    sealed.forget(response, PATH)
    return response


@router.post("/profile")
def profile(request: Request, session: SessionDep, user: CurrentUser, who: IdentityDep, form: PostedForm) -> Response:
    """Name to show and e-mail; an e-mail that was changed is no longer one that anyone vouches for."""
    given = Given(forms.values(form))
    try:
        accounts.change_profile(session, user=user, display_name=given["display_name"], email=given["email"])
    except (BadInput, Conflict) as error:
        return _page(request, session, user, who, given=given, error=error, otherwise="display_name")
    return _done("profile")


@router.post("/password")
def password(
    request: Request, session: SessionDep, user: CurrentUser, who: IdentityDep, counts: LimitsDep, form: PostedForm
) -> Response:
    """A new password, which ends every other session; the present one is asked for."""
    try:
        sign_in.change_password(
            session,
            counts,
            user=user,
            present=forms.secret(form, "present"),
            password=forms.secret(form, "password"),
            keep=who.token,
            address=address(request),
        )
    except NotSignedIn as error:
        wrong = BadInput(error.message, fields={"present": "This is not your present password."})
        return _page(request, session, user, who, error=wrong, otherwise="present")
    except BadInput as error:
        return _page(request, session, user, who, error=error, otherwise="password")
    return _done("password")


@router.post("/make-account")
def make_account(
    request: Request, session: SessionDep, user: CurrentUser, who: IdentityDep, form: PostedForm
) -> Response:
    """An account out of a guest, who stays the same person with all choices."""
    given = Given(forms.values(form))
    try:
        sign_in.make_account(
            session,
            user=user,
            handle=given["handle"],
            password=forms.secret(form, "password"),
            email=given["email"],
            keep=who.token,
        )
    except (BadInput, Conflict) as error:
        return _page(request, session, user, who, given=given, error=error, otherwise="handle")
    return _done("account")


@router.post("/preferences")
def preferences(
    request: Request, session: SessionDep, user: CurrentUser, who: IdentityDep, form: PostedForm
) -> Response:
    given = Given(forms.values(form))
    changes: dict[str, Any] = {"language": given["language"], "breaks": "breaks" in given}
    try:
        user_preferences.change(session, user=user, changes=changes)
    except BadInput as error:
        return _page(request, session, user, who, given=given, error=error, otherwise="language")
    return _done("preferences")


@router.post("/mail")
def mail(request: Request, session: SessionDep, user: CurrentUser, form: PostedForm) -> Response:
    """What this person hears of by e-mail: of one study, or of the rounds that they launched."""
    study = forms.whole_number(forms.values(form).get("study", ""), field="study", low=1, high=2**62)
    kinds = [value for value in form.getlist("events") if isinstance(value, str)]
    mail_wishes.wish(session, user=user, study_id=study, kinds=kinds)
    return RedirectResponse(f"{PATH}?done=mail#mail", 303)


@router.post("/mail/test")
def test_mail(session: SessionDep, user: CurrentUser, settings: SettingsDep) -> Response:
    mail_wishes.test(session, settings, user=user)
    return RedirectResponse(f"{PATH}?done=mail_tested#mail", 303)


@router.post("/personal-link")
def personal_link(request: Request, session: SessionDep, user: CurrentUser, settings: SettingsDep) -> Response:
    """A new personal link for a guest, shown once; the one before ends."""
    token = links.make(session, user=user, purpose=LinkPurpose.PERSONAL, actor=user)
    response = RedirectResponse(f"{PATH}#personal", 303)
    sealed.show_once(request, response, PATH, {"link": f"{settings.site_url}/back/{token}"})
    return response


@router.post("/sign-out")
def sign_out(request: Request, session: SessionDep, identity: IdentityDep) -> Response:
    if identity.token is not None:
        accounts.sign_out(session, identity.token)
    return _signed_out(request)


@router.post("/sign-out-everywhere")
def sign_out_everywhere(request: Request, session: SessionDep, user: CurrentUser) -> Response:
    accounts.sign_out_everywhere(session, user=user)
    return _signed_out(request)


def _done(what: str) -> Response:
    return RedirectResponse(f"{PATH}?done={what}", 303)


def _signed_out(request: Request) -> Response:
    response = RedirectResponse("/", 303)
    drop_cookie(request, response)
    return response


def _page(
    request: Request, session: Session, user: User, who: Identity, *, done: str = "", link: str = "",
    given: Mapping[str, str] | None = None, error: BadInput | Conflict | None = None, otherwise: str = "",
) -> Response:  # fmt: skip
    here = sha256(who.token) if who.token else ""
    return render(
        request,
        "account/account.html",
        status=error.status if error else 200,
        person=user,
        given=Given({"display_name": user.display_name, "email": user.email or "", **(given or {})}),
        errors=Given(forms.faults(error, otherwise=otherwise) if error else {}),
        preferences=user_preferences.of(user),
        languages=[(code.replace("_", "-"), locale.display_name) for code, locale in languages.available().items()],
        sessions=[(row, row.token_sha256 == here) for row in accounts.sessions_of(session, user=user)],
        done=done,
        link=link,
        wishes=mail_wishes.lines(session, user) if user.role in outbox.READERS else [],
        kinds=outbox.ROUND_EVENTS,
        has_mail=request.app.state.settings.has_mail,
        outside=request.app.state.settings.oidc_label if request.app.state.settings.has_oidc else "",
    )

"""`/admin/webhooks`: addresses of other programs, and what was sent there. A secret is shown once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.errors import BadInput
from app.models import Webhook
from app.services import deliveries, delivery_views, outbox, studies, webhooks
from app.web import forms, sealed
from app.web.deps import RequireAdmin, SessionDep, SettingsDep
from app.web.forms import Given, PostedForm
from app.web.htmx import is_htmx
from app.web.templating import render

router = APIRouter(prefix="/admin/webhooks")

PATH = "/admin/webhooks"
PAGE = 30
Move = Literal["on", "off", "test"]
MOVES: dict[str, Callable[..., object]] = {
    "on": webhooks.switch_on,
    "off": webhooks.switch_off,
    "test": webhooks.test,
}


@router.get("")
def index(request: Request, session: SessionDep, user: RequireAdmin) -> Response:
    return _list(request, session)


@router.post("")
def make(
    request: Request, session: SessionDep, user: RequireAdmin, settings: SettingsDep, form: PostedForm
) -> Response:
    given = _given(form)
    try:
        with session.begin_nested():
            webhook, secret = webhooks.make(session, settings, actor=user, **_wanted(form))
    except BadInput as error:
        return _list(request, session, given=given, error=error)
    return _with_secret(request, webhook.id, secret)


@router.get("/{webhook_id:int}")
def show(
    request: Request, webhook_id: int, session: SessionDep, user: RequireAdmin,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    """The webhook; for htmx, which asks while something is on its way, the list of deliveries alone."""
    if is_htmx(request):
        response: Response = render(request, "webhooks/_deliveries.html", **_sent(request, session, webhook_id, before))
    else:
        secret = sealed.shown_once(request).get("secret", "")
        response = _page(request, session, webhook_id, before=before, secret=secret)
        sealed.forget(response, f"{PATH}/{webhook_id}")
    response.headers["Vary"] = "HX-Request"
    return response


@router.post("/{webhook_id:int}")
def change(
    request: Request, webhook_id: int, session: SessionDep, user: RequireAdmin, settings: SettingsDep, form: PostedForm
) -> Response:
    given = _given(form)
    try:
        with session.begin_nested():
            webhooks.change(session, settings, webhook_id=webhook_id, actor=user, **_wanted(form))
    except BadInput as error:
        return _page(request, session, webhook_id, given=given, error=error)
    return RedirectResponse(f"{PATH}/{webhook_id}", 303)


@router.post("/{webhook_id:int}/secret")
def renew_secret(
    request: Request, webhook_id: int, session: SessionDep, user: RequireAdmin, settings: SettingsDep
) -> Response:
    return _with_secret(
        request, webhook_id, webhooks.renew_secret(session, settings, webhook_id=webhook_id, actor=user)
    )


@router.post("/{webhook_id:int}/remove")
def remove(webhook_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    webhooks.remove(session, webhook_id=webhook_id, actor=user)
    return RedirectResponse(PATH, 303)


@router.post("/{webhook_id:int}/{move}")
def make_move(webhook_id: int, move: Move, session: SessionDep, user: RequireAdmin) -> Response:
    MOVES[move](session, webhook_id=webhook_id, actor=user)
    return RedirectResponse(f"{PATH}/{webhook_id}{'#deliveries' if move == 'test' else ''}", 303)


@router.post("/{webhook_id:int}/deliveries/{delivery_id:int}")
def deliver_again(webhook_id: int, delivery_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    deliveries.again(session, delivery_id, actor=user)
    return RedirectResponse(f"{PATH}/{webhook_id}#deliveries", 303)


def _wanted(form: FormData) -> dict[str, Any]:
    """What the form asks for, as the service takes it."""
    given = _given(form)
    study = forms.whole_number(given["study"], field="study", low=1, high=2**62)
    return {"url": given["url"], "note": given["note"], "study_id": study, "kinds": _kinds(form)}


def _given(form: FormData) -> Given:
    return Given({**forms.values(form), "events": " ".join(_kinds(form))})


def _kinds(form: FormData) -> list[str]:
    return [value for value in form.getlist("events") if isinstance(value, str)]


def _with_secret(request: Request, webhook_id: int, secret: str) -> Response:
    """To the webhook's page, which shows the secret once."""
    response = RedirectResponse(f"{PATH}/{webhook_id}", 303)
    sealed.show_once(request, response, f"{PATH}/{webhook_id}", {"secret": secret})
    return response


def _list(
    request: Request, session: Session, *, given: Mapping[str, str] | None = None, error: BadInput | None = None
) -> Response:
    return render(
        request,
        "webhooks/list.html",
        status=error.status if error else 200,
        webhooks=delivery_views.webhooks(session),
        **_form(session, given or {"events": " ".join(outbox.ROUND_EVENTS)}, error),
    )


def _page(
    request: Request, session: Session, webhook_id: int, *, before: int | None = None, secret: str = "",
    given: Mapping[str, str] | None = None, error: BadInput | None = None,
) -> Response:  # fmt: skip
    webhooks.get(session, webhook_id)
    [line] = delivery_views.webhooks(session, Webhook.id == webhook_id)
    as_it_is = {
        "url": line.url,
        "note": line.note,
        "study": str(line.study_id or ""),
        "events": " ".join(line.events),
    }
    return render(
        request,
        "webhooks/webhook.html",
        status=error.status if error else 200,
        secret=secret,
        **_sent(request, session, webhook_id, before),
        **_form(session, given or as_it_is, error),
    )


def _sent(request: Request, session: Session, webhook_id: int, before: int | None) -> dict[str, Any]:
    """What the list of deliveries shows."""
    webhooks.get(session, webhook_id)
    [line] = delivery_views.webhooks(session, Webhook.id == webhook_id)
    site_url = request.app.state.settings.site_url
    found = delivery_views.of_webhook(session, webhook_id, site_url=site_url, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    return {
        "webhook": line,
        "deliveries": shown,
        "more": shown[-1].id if len(found) > PAGE else None,
        "moves": before is None and any(delivery.moves for delivery in shown),
    }


def _form(session: Session, given: Mapping[str, str], error: BadInput | None) -> dict[str, Any]:
    return {
        "given": Given(given),
        "errors": Given(forms.faults(error, otherwise="url") if error else {}),
        "kinds": outbox.ROUND_EVENTS,
        "studies": [(study.id, study.name) for study in studies.every(session)],
    }

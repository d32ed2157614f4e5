"""`/admin/mail`: whether e-mail is set up, a test of it, and what was sent to people."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.services import deliveries, delivery_views, mail_wishes
from app.web.deps import RequireAdmin, SessionDep, SettingsDep
from app.web.htmx import render_live

router = APIRouter(prefix="/admin/mail")

PATH = "/admin/mail"
PAGE = 30


@router.get("")
def show(
    request: Request, session: SessionDep, user: RequireAdmin, settings: SettingsDep,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:  # fmt: skip
    found = delivery_views.of_mail(session, site_url=settings.site_url, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    return render_live(
        request,
        "webhooks/mail.html",
        "webhooks/_letters.html",
        is_set_up=settings.has_mail,
        server=f"{settings.smtp_host}:{settings.mail_port}",
        encryption=settings.smtp_tls,
        sender=settings.mail_from,
        address=user.email,
        deliveries=shown,
        more=shown[-1].id if len(found) > PAGE else None,
        moves=before is None and any(delivery.moves for delivery in shown),
    )


@router.post("/test")
def test(session: SessionDep, user: RequireAdmin, settings: SettingsDep) -> Response:
    mail_wishes.test(session, settings, user=user)
    return RedirectResponse(f"{PATH}#deliveries", 303)


@router.post("/deliveries/{delivery_id:int}")
def deliver_again(delivery_id: int, session: SessionDep, user: RequireAdmin) -> Response:
    deliveries.again(session, delivery_id, actor=user)
    return RedirectResponse(f"{PATH}#deliveries", 303)

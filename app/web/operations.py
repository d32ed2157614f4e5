"""What machines ask of the site: does it live, can it work, how is it doing."""

from collections.abc import Callable
from itertools import chain

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from kombu.connection import Connection
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.services import figures
from app.settings import Settings
from app.web.deps import SessionDep, SettingsDep

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(session: SessionDep, settings: SettingsDep) -> Response:
    """The database and the broker answer; 503 naming the one that does not."""
    parts = {
        "database": _works(lambda: _ask_database(session)),
        "broker": _works(lambda: _ask_broker(settings)),
    }
    return JSONResponse(parts, 200 if all(word == "ok" for word in parts.values()) else 503)


@router.get("/metrics")
def metrics(session: SessionDep) -> PlainTextResponse:
    """Counts in the Prometheus text format."""
    lines = chain.from_iterable(_lines(figure) for figure in figures.every(session))
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


def _works(ask: Callable[[], object]) -> str:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 -- whatever is wrong, it is not ready
        return type(error).__name__
    return "ok"


def _ask_database(session: Session) -> None:
    session.execute(text("SELECT 1"))


def _ask_broker(settings: Settings) -> None:
    with Connection(settings.require_broker_url(), connect_timeout=2) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)


def _lines(figure: figures.Figure) -> list[str]:
    head = [f"# HELP {figure.name} {figure.help}", f"# TYPE {figure.name} gauge"]
    return head + [f'{figure.name}{{{figure.label}="{word}"}} {value}' for word, value in figure.values.items()]

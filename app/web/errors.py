"""Errors become answers here and nowhere else: a page, a fragment for htmx, problem details under /api (RFC 9457)."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from app.errors import BadInput, NotFound, NotSignedIn, TastemakerError, TooMany, Unavailable
from app.web import security, sign_in_form
from app.web.htmx import is_htmx
from app.web.templating import render

log = structlog.get_logger(__name__)

API = "/api/"


def install(app: FastAPI) -> None:
    """Map every error of `app`."""
    app.add_exception_handler(TastemakerError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DataError, _out_of_range)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(Exception, _unexpected)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, TastemakerError)
    if error.status >= 500:
        log.error("request_failed", route=_route(request), error=str(error), code=error.code)
    response = answer(request, error)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _invalid(request: Request, error: Exception) -> Response:
    """What FastAPI found wrong with a request, in our words."""
    assert isinstance(error, RequestValidationError)
    fields = {".".join(str(part) for part in p["loc"][1:]) or str(p["loc"][0]): p["msg"] for p in error.errors()}
    listed = "; ".join(f"{name}: {message}" for name, message in fields.items())
    return answer(request, BadInput(f"Some values cannot be used. {listed}.", fields=fields))


def _http(request: Request, error: Exception) -> Response:
    """A route that does not exist, or a method that it does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return answer(request, NotFound(f"There is nothing at {request.url.path}.", "Check the address."))
    if error.status_code == 400:  # a body that is no JSON or no form: one status for all input that cannot be used
        return answer(request, BadInput("The request's body cannot be read.", "Send it as its content type says."))
    response = answer(request, BadInput(str(error.detail)), status=error.status_code)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """The methods that the address has, over all its routes: the router itself names those of one."""
    path, app = request.url.path, request.app
    routes = [one for one in iter_route_contexts(app.routes) if isinstance(one.original_route, Route)]
    return sorted({method for one in routes if one.path_regex.match(path) for method in one.methods or ()})


def _out_of_range(request: Request, error: Exception) -> Response:
    """A number or text that the database cannot hold, such as an id of thirty digits."""
    return answer(request, BadInput("A value is larger than anything that is stored here.", "Check the address."))


def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_away", route=_route(request), error=str(error))
    return answer(request, Unavailable("The database does not answer.", "Try again in a moment; nothing was lost."))


def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours. It answers outside the middleware, so the headers are set here."""
    log.error("unexpected_error", route=_route(request), exc_info=error)
    response = answer(request, TastemakerError("Something went wrong on our side.", "The site's log says what."))
    response.headers.update(security.HEADERS)
    return response


def _route(request: Request) -> str:
    """The route's pattern for the log, never the address itself: that may hold a sign-in token."""
    return getattr(request.scope.get("route"), "path", "none")


def answer(request: Request, error: TastemakerError, *, status: int | None = None) -> Response:
    """`error` as whoever asked can read it."""
    status = status or error.status
    if request.url.path.startswith(API):
        return JSONResponse(problem(error, status), status, media_type="application/problem+json")
    if is_htmx(request):
        aside = {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"}
        return render(request, "errors/_error.html", status=status, headers=aside, error=error)
    if isinstance(error, NotSignedIn):
        return sign_in_form.page(request, status=status, notice=str(error), next_=sign_in_form.here(request))
    return render(request, "errors/error.html", status=status, error=error, status_code=status)


def problem(error: TastemakerError, status: int) -> dict[str, Any]:
    """RFC 9457 problem details, with our remedy, the fields at fault and the error's own figures beside them."""
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": status,
        "detail": error.message,
        "remedy": error.remedy,
    }
    if isinstance(error, BadInput) and error.fields:
        body["fields"] = error.fields
    return {**error.details, **body}

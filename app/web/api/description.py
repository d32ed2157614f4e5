"""The API's description, `/api/v1/openapi.json`: what FastAPI knows of each route, and what holds for all of them.

Who may call an operation is read off its route (`app/web/api/scoped.py`), so that the description cannot differ from
what is checked. Names of shapes lose their `Shape`; problems and examples are added.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from app.services.scopes import ALLOWS, Scope
from app.web.api.answers import PROBLEM, PROBLEMS, Problem
from app.web.api.examples import examples
from app.web.api.scoped import OPEN
from app.web.identity import COOKIE
from app.web.ids import MOST_ID

Document = dict[str, Any]

SAFE = {"get", "head", "options"}
REFERENCE = "#/components/schemas/"

ABOUT = """\
Everything that the pages do, for programs. Ids are whole numbers; times are ISO 8601 with their zone.

**Who calls.** A program sends a personal token, `Authorization: Bearer tm_…`, made at `/account/tokens` or by
`tastemaker user token NAME`. It acts as its owner, within the owner's role, for the scopes that it was made with:
every operation names the one that it needs. Pages of the site send the session's cookie, with `X-CSRF-Token` on
everything that writes.

**Lists** come in pages, `{"items": [...], "next": "…"}`: give `next` as `cursor` to get what follows; it is null at the
end.

**Problems** have one form (RFC 9457, `application/problem+json`): `title` says what kind it is, `detail` what happened,
`remedy` what to do, and `fields` what is wrong with each value.

**Writing twice.** Where an operation takes an `Idempotency-Key`, the same key again gives what was made the first
time. A choice has its own `key`.

Fields are added to answers over time, and never changed or taken away within `v1`.
"""

TAGS = {
    "studies": "One question put to annotators about one base model and one prompt set.",
    "rounds": "One turn of the loop: draw, ask, train. Or a blind comparison of two policies.",
    "prompts": "Prompt sets: versions that never change, and how prompts fare.",
    "base models": "The pipelines that studies start from.",
    "checkpoints": "Trained LoRA adapters, with all that went into them.",
    "samples": "Single pictures, lossless, and how they were drawn.",
    "preferences": "What people said of each pair, as it is read.",
    "exports": "Files made of a study's data by a worker.",
    "imports": "Preference data made elsewhere, each as a study of its own.",
    "judges": "Scoring functions: what they say of pictures, and how they agree with people.",
    "playground": "One's own prompt by the base, checkpoints at any strength and mixes, at the same noise.",
    "tries": "Pictures drawn at once, to see what settings do.",
    "annotating": "Pairs on lease, answers, undo. What the annotator's page speaks.",
    "quality": "How good labels are, by annotator.",
    "people": "Accounts, invites, payments, and oneself.",
    "house": "Workers, queues, failed jobs, and the history.",
    "webhooks": "Messages to other programs when rounds move.",
}


def install(app: FastAPI) -> None:
    """Make `app` describe its API like this, at the address that it has for it. Written once, at the first request."""

    @cache
    def openapi() -> Document:
        return describe(app)

    app.openapi = openapi  # type: ignore[method-assign]


def describe(app: FastAPI) -> Document:
    """The description as a document."""
    document = get_openapi(
        title="Tastemaker",
        version=app.version,
        description=ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    document = _renamed(document)
    parts = document["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    parts["schemas"]["Problem"] = Problem.model_json_schema(ref_template=REFERENCE + "{model}")
    parts["responses"] = {f"Problem{status}": _problem(status, text) for status, text in PROBLEMS.items()}
    parts["securitySchemes"] = _schemes()
    routes = {route.operation_id: route for route in operations(app)}
    for path, method, operation in _operations(document):
        name = operation["operationId"]
        scopes = scopes_of(routes[name])
        operation["security"] = [{"token": scopes}, {"session": []}] if name not in OPEN else []
        if scopes:
            told = operation.get("description", "")
            operation["description"] = f"{told}\n\nScope: `{'`, `'.join(scopes)}`.".strip()
        _bound(operation)
        _add_problems(operation, path, method)
        _add_examples(operation, name, parts["schemas"])
    return document


def operations(app: FastAPI) -> Iterator[RouteContext]:
    """Every route of the API, as the application has it."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.include_in_schema:
            yield context


def scopes_of(route: RouteContext) -> list[str]:
    """The scopes that a route names: what a token must have for it. None at all: no token gets anything from it."""
    return sorted(set(_named(route.dependant)))


def _named(dependant: Dependant) -> Iterator[str]:
    yield from dependant.own_oauth_scopes or []
    for one in dependant.dependencies:
        yield from _named(one)


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _schemes() -> Document:
    scopes = "\n".join(f"- `{scope.value}`: {ALLOWS[scope]}." for scope in Scope)
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": f"A personal token. Its scopes:\n\n{scopes}",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "A signed-in browser. What writes also needs the header `X-CSRF-Token`; `GET /me` tells it.",
        },
    }


def _problem(status: int, text: str) -> Document:
    content = {"schema": {"$ref": f"{REFERENCE}Problem"}, "example": examples()["problems"][str(status)]}
    return {"description": text, "content": {PROBLEM: content}}


def _bound(operation: Document) -> None:
    """Whole numbers in addresses are those that the database has; ids begin at 1."""
    for parameter in operation.get("parameters", []):
        for schema in (parameter["schema"], *parameter["schema"].get("anyOf", [])):
            if schema.get("type") == "integer":
                if "exclusiveMinimum" not in schema:
                    schema.setdefault("minimum", 1 if parameter["in"] == "path" else -MOST_ID - 1)
                if "exclusiveMaximum" not in schema:
                    schema.setdefault("maximum", MOST_ID)


def _add_problems(operation: Document, path: str, method: str) -> None:
    """Those that the operation names itself, and those that any like it may answer."""
    answers = operation["responses"]
    possible = {401, 403, 503} | {int(status) for status in answers if int(status) in PROBLEMS}
    if "{" in path or "requestBody" in operation:
        possible |= {404}
    if "parameters" in operation or "requestBody" in operation:
        possible |= {422}
    if method not in SAFE:
        possible |= {409}
    answers |= {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in possible}
    operation["responses"] = dict(sorted(answers.items()))


def _add_examples(operation: Document, name: str, schemas: Document) -> None:
    """What stands in `examples` for the operation, or with the shape itself: a request's body, an answer's body."""
    own = examples()["operations"].get(name, {})
    places = [("request", operation.get("requestBody", {}))]
    places += [("response", answer) for status, answer in operation["responses"].items() if status.startswith("2")]
    for kind, place in places:
        for content in place.get("content", {}).values():
            shape = schemas.get(content["schema"].get("$ref", "").removeprefix(REFERENCE), {})
            if kind in own:
                content["example"] = own[kind]
            elif "examples" in shape:
                content["example"] = shape["examples"][0]


def _renamed(document: Document) -> Document:
    """Shapes by the names that a client's types would have: `RoundShape` is a `Round`, `Page_RoundShape_` a
    `RoundPage`."""
    names = {old: _plain(old) for old in document["components"]["schemas"]}
    twice = sorted(new for new, times in Counter(names.values()).items() if times > 1)
    if twice:
        raise ValueError(f"two shapes would be called {', '.join(twice)}: give one of them another name")
    text = re.sub(rf'"{REFERENCE}(\w+)"', lambda found: f'"{REFERENCE}{names[found[1]]}"', json.dumps(document))
    renamed: Document = json.loads(text)
    schemas = {names[old]: schema for old, schema in renamed["components"]["schemas"].items()}
    for name, schema in schemas.items():
        if "title" in schema:
            schema["title"] = name
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed


def _plain(name: str) -> str:
    """`Page_RoundShape_` as `RoundPage`, `RoundShape` as `Round`, `Body_upload_picture` as `UploadPictureForm`."""
    if form := re.fullmatch(r"Body_(\w+)", name):
        return "".join(word.title() for word in form[1].split("_")) + "Form"
    return re.sub(r"Page_(\w+?)(Shape)?_", r"\1Page", name).removesuffix("Shape")

"""The API's description as a page tells it: groups of operations, each with its fields and examples in plain rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

Document = dict[str, Any]

MARKDOWN = MarkdownIt("commonmark", {"html": False})
DEEPEST = 3  # levels of a shape that are told; further ones stand in the description itself


@dataclass(frozen=True)
class Field:
    """A value: `name` as the way to it, `rounds[].id`; `kind` in words."""

    name: str
    kind: str
    required: bool
    about: Markup


@dataclass(frozen=True)
class Answer:
    """One possible answer. A problem has no rows of its own: all have one form."""

    status: str
    about: str
    media_types: list[str]
    fields: list[Field]
    example: str


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    about: Markup
    scopes: list[str]
    is_open: bool
    parameters: list[tuple[str, Field]]
    body_types: list[str]
    body: list[Field]
    body_example: str
    answers: list[Answer]
    problems: list[Answer]


@dataclass(frozen=True)
class Group:
    """A tag of the description; `slug` names it in addresses."""

    name: str
    slug: str
    about: str
    operations: list[Operation]


def groups(document: Document) -> list[Group]:
    """Every group, in the description's order."""
    by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append(_operation(document, path, method, operation))
    return [
        Group(tag["name"], tag["name"].replace(" ", "-"), tag["description"], by_tag[tag["name"]])
        for tag in document["tags"]
    ]


def prose(text: str) -> Markup:
    """Our own Markdown as HTML."""
    return Markup(MARKDOWN.render(text))  # noqa: S704 -- of the code's own texts, with HTML in them escaped


def _operation(document: Document, path: str, method: str, operation: Document) -> Operation:
    body = operation.get("requestBody", {}).get("content", {})
    answers = [_answer(document, status, answer) for status, answer in operation["responses"].items()]
    security = operation["security"]
    return Operation(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=prose(operation.get("description", "").rpartition("\n\nScope: ")[0]),
        scopes=[scope for one in security for scope in one.get("token", [])],
        is_open=not security,
        parameters=[(one["in"], _parameter(document, one)) for one in operation.get("parameters", [])],
        body_types=list(body),
        body=[row for content in body.values() for row in _fields(document, content["schema"])],
        body_example=next((_pretty(content["example"]) for content in body.values() if "example" in content), ""),
        answers=[one for one in answers if one.status < "4"],
        problems=[one for one in answers if one.status >= "4"],
    )


def _parameter(document: Document, parameter: Document) -> Field:
    about = parameter.get("description") or parameter["schema"].get("description", "")
    default = parameter["schema"].get("default")
    if default not in (None, ""):
        about = f"{about} By default `{json.dumps(default)}`.".strip()
    return Field(
        parameter["name"], _kind(document, parameter["schema"]), parameter.get("required", False), prose(about)
    )


def _answer(document: Document, status: str, answer: Document) -> Answer:
    answer = _resolved(document, answer)
    content = answer.get("content", {})
    rows = [row for one in content.values() for row in _fields(document, one.get("schema", {}))] if status < "4" else []
    example = next((_pretty(one["example"]) for one in content.values() if "example" in one), "")
    return Answer(status, answer["description"], list(content), rows[: len(rows) if len(content) == 1 else 0], example)


def _fields(document: Document, schema: Document, way: str = "", depth: int = 0) -> Iterator[Field]:
    """The rows of a shape, and of the shapes in it."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        yield from _fields(document, schema["items"], f"{way}[]", depth)
        return
    for choice in schema.get("anyOf", []):
        yield from _fields(document, choice, way, depth)
    for name, inner in schema.get("properties", {}).items():
        path = f"{way}.{name}".removeprefix(".")
        yield Field(
            path, _kind(document, inner), name in schema.get("required", []), prose(inner.get("description", ""))
        )
        if depth < DEEPEST:
            yield from _fields(document, inner, path, depth + 1)


def _kind(document: Document, schema: Document) -> str:
    """What a value is, in a few words."""
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(document, one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(f'"{one}"' for one in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    if name:
        return name
    kind = str(schema.get("type", "any"))
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _resolved(document: Document, part: Document) -> Document:
    """What a reference leads to; anything else is itself."""
    found = part
    for step in part.get("$ref", "").removeprefix("#/").split("/") if "$ref" in part else []:
        found = document[step] if found is part else found[step]
    return found


def _pretty(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)

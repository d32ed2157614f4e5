"""The client against the API's own description: a method for each operation that matters, which asks for its very path,
and reads its very answer."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import httpx
import pytest

from app.main import create_app
from app.settings import make_settings
from tastemaker.client import Client
from tastemaker.client.payments import Payment, PaymentTotals
from tastemaker.client.shapes import Run, Score
from tests.tastemaker.methods import KEYWORDS, LEFT_OUT, METHODS

CONTENT = b"x"
# of an answer that is put together otherwise: what its parts are read as
PARTS: dict[str, dict[str, Any]] = {
    "get_metrics": {"run": Run, "scores": list[Score]},
    "get_payments": {"items": list[Payment], "totals": PaymentTotals},
}
# what an example of an answer says where its kind alone would not do
SAID: dict[str, Any] = {"size": 1, "sha256": hashlib.sha256(CONTENT).hexdigest(), "format": "diffusers", "next": None}
TEXTS = {"date-time": "2026-11-01T12:00:00Z", "date": "2026-11-01", "decimal": "0.10"}
KINDS = {
    "string": str, "integer": int, "number": float, "boolean": bool, "object": dict, "date-time": datetime,
    "date": date, "decimal": Decimal,
}  # fmt: skip


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API as it describes itself."""
    app = create_app(
        make_settings(
            data_dir=tmp_path_factory.mktemp("site"), database_url="postgresql://127.0.0.1:9/x",
            broker_url="redis://127.0.0.1:9", secret_key="s" * 40,
        )
    )  # fmt: skip
    described: dict[str, Any] = app.openapi()
    app.state.engine.dispose()
    return described


@pytest.fixture(scope="module")
def operations(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name, each with its method and path."""
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    }


class Described(httpx.BaseTransport):
    """A site that answers each request with an example of what its operation is described to answer."""

    def __init__(self, spec: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
        self._spec = spec
        self._operations = operations
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = self._named(request)
        self.asked.append(name)
        status, schema = answer_of(self._operations[name])
        if status == 204:
            return httpx.Response(204)
        if schema is None:
            return httpx.Response(status, content=b"{}" if "provenance" in name or "preferences" in name else CONTENT)
        return httpx.Response(status, json=example(self._spec, schema))

    def _named(self, request: httpx.Request) -> str:
        fits = {
            name: operation["path"].count("{")
            for name, operation in self._operations.items()
            if operation["method"] == request.method
            and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation["path"]), request.url.path)
        }
        assert fits, f"The API has no {request.method} {request.url.path}."
        return min(fits, key=lambda name: fits[name])


@pytest.fixture
def site(spec: dict[str, Any], operations: dict[str, dict[str, Any]]) -> Described:
    return Described(spec, operations)


def test_every_operation_has_a_method_or_a_reason(operations: dict[str, dict[str, Any]]) -> None:
    assert operations.keys() - LEFT_OUT.keys() - METHODS.keys() == set(), "give the client a method, or say why not"
    assert (METHODS.keys() | LEFT_OUT.keys()) - operations.keys() == set(), "the API has no such operations (any more)"
    assert METHODS.keys() & LEFT_OUT.keys() == set()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_asks_for_its_operation_and_reads_what_that_answers(
    name: str, site: Described, spec: dict[str, Any], operations: dict[str, dict[str, Any]],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    method, *arguments = METHODS[name]
    with Client("https://site.test", "secret", transport=site) as client:
        call = attrgetter(method)(client)
        answered = call(*arguments, **KEYWORDS.get(name, {}))
        if isinstance(answered, Iterator):
            answered = list(answered)
    assert site.asked[-1] == name
    given = get_type_hints(call)["return"]
    _, schema = answer_of(operations[name])
    if name in PARTS:
        for part, hint in PARTS[name].items():
            compare(spec, hint, property_of(spec, schema, part))
    elif get_origin(given) is not None and issubclass(get_origin(given), Iterator) and schema is not None:
        compare(spec, list[get_args(given)[0]], property_of(spec, schema, "items"))  # type: ignore[misc]
        assert len(answered) == 1
    elif schema is not None and given not in (type(None), str) and get_origin(given) is not dict:
        compare(spec, given, schema)


def answer_of(operation: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    """Status and schema of an operation's success; no schema where it is no JSON object."""
    status = next(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][status].get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return int(status), schema or None


def resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references, and whether null is allowed, as `nullable`."""
    while "$ref" in schema or len(schema.get("allOf", [])) == 1:
        named = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = spec["components"]["schemas"][named.rpartition("/")[2]]
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        assert len(kinds) == 1, schema
        return {**resolved(spec, kinds[0]), "nullable": len(kinds) < len(schema["anyOf"])}
    return schema


def property_of(spec: dict[str, Any], schema: dict[str, Any] | None, name: str) -> dict[str, Any]:
    assert schema is not None
    found: dict[str, Any] = resolved(spec, schema)["properties"][name]
    return found


def example(spec: dict[str, Any], schema: dict[str, Any], name: str = "") -> Any:
    """The smallest value that fits, with nothing null that need not be."""
    if name in SAID:
        return SAID[name]
    schema = resolved(spec, schema)
    if "properties" in schema:
        return {key: example(spec, one, key) for key, one in schema["properties"].items()}
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if (kind := kind_of(schema)) in TEXTS:
        return TEXTS[kind]
    if schema.get("type") == "array":
        return [example(spec, schema["items"])]
    return {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "object": {}}[kind]


def kind_of(schema: dict[str, Any]) -> str:
    """The type of a value; of texts, what they are texts of."""
    texts_of = ("date-time", "date", "decimal", "binary")
    return str(schema["format"] if schema.get("format") in texts_of else schema["type"])


def compare(spec: dict[str, Any], hint: Any, schema: dict[str, Any], where: str = "") -> None:
    """Fails where a type of the client's is not what the description says."""
    schema = resolved(spec, schema)
    optional = get_origin(hint) in (Union, UnionType)
    assert optional == schema.get("nullable", False), f"{where}: null is {'not ' if optional else ''}possible"
    if optional:
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        known = get_type_hints(hint)
        for field in fields(hint):
            assert field.name in schema["properties"], f"{hint.__name__} has {field.name}, the API has not"
            compare(spec, known[field.name], schema["properties"][field.name], f"{hint.__name__}.{field.name}")
    elif get_origin(hint) is list:
        compare(spec, get_args(hint)[0], schema["items"], where)
    elif get_origin(hint) is Literal:
        assert set(get_args(hint)) == set(schema.get("enum", [schema.get("const")])), where
    else:
        kind = kind_of(schema)
        assert (get_origin(hint) or hint) is KINDS[kind], f"{where} is {kind}"
